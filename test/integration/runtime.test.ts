import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { splitMark } from '../../src/plan/mark.ts';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import {
  cli,
  request,
  showProc,
  startBackend,
  startHaproxy,
  startLoad,
  waitFor,
} from '../support/haproxy.ts';
import { haproxyVersions, oldestAndNewest } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

const siteOn = (etcd: TestEtcd, more: Record<string, unknown> = {}) =>
  makeSite({ sources: [{ etcd: { endpoints: [etcd.endpoint] } }], vars: { defaultService: 'web' }, more });
const mark = async (site: Site) =>
  /value=<([^>]+)>/.exec(await cli(site.statsSocket, 'get var proc.pointsman_mark'))?.[1] ?? '';
const fileMark = async (site: Site) => splitMark(await readFile(site.configPath, 'utf8')).mark;
const inStep = (site: Site) =>
  waitFor(async () => (await mark(site)) === (await fileMark(site)), { what: 'the file' });
const outcomes = (daemon: Daemon) =>
  daemon.log().flatMap((line) => (line.event === 'pass' ? [line.outcome] : []));

/** A judge that takes its time over instance two, until a file `go` lies beside the configuration. */
const GATE =
  'while grep -q "server two" "$0" && ! [ -e "$(dirname "$0")/go" ]; do sleep 0.05; done; exec haproxy -c -f "$0"';

describe.each(haproxyVersions)('changes of servers on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('go without a reload: added, moved, weighted, drained and removed, with the file in step', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using three = await startBackend('three');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    const before = await showProc(site.masterSocket);
    await using load = startLoad(site.url);

    await etcd.put('/services/web/two', two.address);
    await waitFor(async () => (await request(site.url)).body === 'two', { what: 'the added instance' });
    await etcd.put('/services/web/two', three.address);
    await waitFor(async () => (await request(site.url)).body === 'three', { what: 'the moved instance' });
    await etcd.put('/services/web/one', JSON.stringify({ host: '127.0.0.1', port: one.port, drain: true }));
    await waitFor(
      async () => /^\d+ be_web \d+ one (\S+ ){3}0 /m.test(await cli(site.statsSocket, 'show servers state')),
      {
        what: 'the drained instance',
      },
    );
    await etcd.delete('/services/web/one');
    await waitFor(async () => !(await cli(site.statsSocket, 'show servers state')).includes(' one '), {
      what: 'the end of the removed instance',
    });

    await inStep(site);
    expect(await showProc(site.masterSocket)).toEqual(before);
    expect(await readFile(site.configPath, 'utf8')).toMatch(
      /server two 127\.0\.0\.1:\d+ check\n(?!.*server one)/s,
    );
    expect(load.failures()).toEqual([]);
    expect(outcomes(daemon)).not.toContain('reloaded');
  });

  test('that haproxy -c refuses afterwards are taken back without a reload', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    // A judge that is stricter than the grammar: it stands for what only the whole configuration shows.
    const judge = ['sh', '-c', '! grep -q "weight 13" "$0" && exec haproxy -c -f "$0"', '{config}'];
    await using site = await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      vars: { defaultService: 'web' },
      haproxy: { checkCommand: judge },
    });
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    const before = await showProc(site.masterSocket);
    const text = await readFile(site.configPath, 'utf8');
    await etcd.put('/services/web/one', JSON.stringify({ host: '127.0.0.1', port: one.port, weight: 13 }));
    await waitFor(() => daemon.log().some((line) => line.event === 'check-refused'), { what: 'the refusal' });
    await inStep(site);
    await waitFor(async () =>
      /^\d+ be_web \d+ one (\S+ ){3}1 /m.test(await cli(site.statsSocket, 'show servers state')),
    );
    expect(await showProc(site.masterSocket)).toEqual(before);
    expect(await readFile(site.configPath, 'utf8')).toBe(text);
  });
});

describe.each(oldestAndNewest)('changes of servers on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('and of more than servers, one after the other: the second kind is a reload with its reasons', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    const { reloads } = await showProc(site.masterSocket);
    await etcd.put('/services/api/one', `127.0.0.1:${one.port + 1}`);
    await waitFor(
      async () => (await showProc(site.masterSocket).catch(() => ({ reloads }))).reloads > reloads,
    );
    await inStep(site);
    await waitFor(async () => {
      const { reasons } = (await daemon.status()).lastApply as { reasons: string[] };
      return reasons.some((reason) => reason.includes('be_api'));
    });
  });

  test('never make /readyz say no, however quickly they follow each other', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    const serves = (is: boolean) =>
      waitFor(async () => (await cli(site.statsSocket, 'show servers state')).includes(' two ') === is, {
        every: 2,
      });
    const said = new Set<string>();
    for (let change = 0; change < 10; change++) {
      await etcd.put('/services/web/two', two.address);
      await serves(true);
      await etcd.delete('/services/web/two');
      await serves(false);
      for (const missing of (await daemon.status()).missing as string[]) {
        said.add(missing);
      }
    }
    expect([...said]).toEqual([]);
    await inStep(site);
    await waitFor(async () => (await daemon.status()).ready);
  });

  test('do not wait for the pause of a reload that another change needs', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await siteOn(etcd, { pace: { quiet: '0ms', maxWait: '0ms', reloadInterval: '1h' } });
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    const before = await showProc(site.masterSocket);
    // A new backend needs a reload, and that an hour.
    await etcd.put('/services/api/one', one.address);
    await etcd.put('/services/web/two', two.address);
    await waitFor(async () => (await request(site.url)).body === 'two', { what: 'the added instance' });
    await waitFor(async () => /server two/.test(await readFile(site.configPath, 'utf8')), {
      what: 'the file',
    });
    await inStep(site);
    expect(await readFile(site.configPath, 'utf8')).not.toContain('be_api');
    await etcd.delete('/services/web/one');
    await waitFor(async () => !/server one/.test(await readFile(site.configPath, 'utf8')), {
      what: 'the removal in the file',
    });
    expect(await showProc(site.masterSocket)).toEqual(before);
  });

  test('do not wait for the check of the one before; how far HAProxy is ahead is shown', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using three = await startBackend('three');
    // Only what names instance two is held up, until a file says that it may go on.
    const gate = ['sh', '-c', GATE, '{config}'];
    await using site = await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      vars: { defaultService: 'web' },
      haproxy: { checkCommand: gate },
    });
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    await etcd.put('/services/web/two', two.address);
    await waitFor(async () => (await request(site.url)).body === 'two', { what: 'the first' });
    await etcd.put('/services/web/three', three.address);
    await waitFor(async () => (await request(site.url)).body === 'three', { what: 'the second' });
    expect((await daemon.status()).ahead).toMatchObject({ ageSeconds: expect.any(Number) });
    expect(await readFile(site.configPath, 'utf8')).not.toContain('server two');
    await writeFile(`${path.dirname(site.configPath)}/go`, '');
    await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('server three'), {
      what: 'the file',
    });
    await waitFor(async () => (await daemon.status()).ahead === null, { what: 'the end of it' });
    expect(outcomes(daemon)).not.toContain('reloaded');
  });

  test('are reloads where apply.mode says so, or the template opens no stats socket', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using site = await siteOn(etcd, { apply: { mode: 'reload' } });
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    await etcd.put('/services/web/two', `127.0.0.1:${one.port + 1}`);
    await waitFor(() => outcomes(daemon).includes('reloaded'));
  });

  test('are reloads in mode command where the template opens another socket: one line of the log says why', async () => {
    await using site = await makeSite({
      haproxy: { mode: 'command', reloadCommand: ['true'] },
      more: { template: './own.njk' },
    });
    const tree = (port: number) =>
      writeFile(path.join(site.folder, 'services.yaml'), `services: { web: { a: "127.0.0.1:${port}" } }\n`);
    await tree(1);
    await writeFile(
      path.join(site.folder, 'own.njk'),
      'global\n stats socket /nowhere/s.sock\ndefaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nlisten l\n bind 127.0.0.1:1\n{% for i in service("web").instances %}\n server {{ i.id }} {{ i.address }}\n{% endfor %}\n',
    );
    await using daemon = await site.start();
    for (const [count, port] of [2, 3, 4].entries()) {
      await waitFor(() => outcomes(daemon).filter((one) => one === 'unverified').length === count + 1);
      await tree(port);
    }
    const said = daemon.log().filter(({ event }) => event === 'notice');
    expect(said.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(
        /^the Runtime API is not used, every change is a reload: the configuration opens the stats socket \/nowhere\/s\.sock, and haproxy\.statsSocket is /,
      ),
    ]);
    expect((await daemon.status()).haproxy).toMatchObject({
      why: expect.stringContaining('/nowhere/s.sock'),
    });
  });

  test('in two processes survive the end of Pointsman: the next start has nothing to do', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using site = await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      haproxy: { mode: 'master-socket' },
      vars: { defaultService: 'web' },
    });
    await etcd.put('/services/web/one', one.address);
    const first = await site.start();
    await waitFor(() => outcomes(first).includes('published-waiting'));
    await using haproxy = await startHaproxy({
      configPath: site.configPath,
      masterSocket: site.masterSocket,
    });
    await first.ready();
    const before = await showProc(haproxy.masterSocket);
    await etcd.put('/services/web/two', `127.0.0.1:${one.port + 1}`);
    await waitFor(() => outcomes(first).includes('runtime'));
    await inStep(site);
    first.child.kill('SIGKILL');
    await first.ended;
    await using second = await site.start();
    await second.ready();
    await waitFor(() => outcomes(second).includes('adopted'));
    expect(await showProc(haproxy.masterSocket)).toEqual(before);
  });
});
