import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { blackhole } from '../support/blackhole.ts';
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
import { makeSite, type SiteOptions } from '../support/pointsman.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

const siteOn = (etcd: TestEtcd, options: SiteOptions = {}) =>
  makeSite({
    ...options,
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    vars: { defaultService: 'web', ...options.vars },
  });

/** The servers of the current worker; nothing while HAProxy 2.6 reloads, which refuses its master socket then. */
const showServers = (masterSocket: string) => cli(masterSocket, '@1 show servers state').catch(() => '');

describe.each(haproxyVersions)('with a real etcd and HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('a put is answered by the new instance, and after a delete it never answers again', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    expect((await request(site.url)).body).toBe('one');

    await etcd.put('/services/web/two', two.address);
    await waitFor(async () => (await request(site.url)).body === 'two', { what: 'the new instance' });

    await using load = startLoad(site.url);
    await etcd.delete('/services/web/one');
    await waitFor(
      async () => {
        const servers = await showServers(site.masterSocket);
        const workers = await cli(site.masterSocket, 'show proc').catch(() => '');
        const old = /# old workers\n([^#]*)/.exec(workers)?.[1] ?? '';
        return servers.includes(' two ') && !servers.includes(' one ') && !old.includes('worker');
      },
      { what: 'the reload, and the end of the worker of before' },
    );
    const before = one.requests();
    const sent = load.ok();
    await waitFor(() => load.ok() > sent + 50);
    expect(one.requests()).toBe(before);
    expect(load.failures()).toEqual([]);
  });
});

describe.each(oldestAndNewest)('with a real etcd and HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('of two changes 20 to 80 ms apart the second is live each time', async () => {
    await using etcd = await startEtcd();
    await using backend = await startBackend('one');
    await using site = await siteOn(etcd, {
      pace: { quiet: '20ms', maxWait: '100ms', reloadInterval: '50ms' },
    });
    await etcd.put('/services/web/one', backend.address);
    await using daemon = await site.start();
    await daemon.ready();
    for (let round = 0; round < 50; round++) {
      const name = (half: string) => `/services/web/${half}-${round}`;
      await etcd.put(name('a'), `127.0.0.1:${20_000 + round * 2}`);
      await new Promise((resolve) => setTimeout(resolve, 20 + ((round * 13) % 60)));
      await etcd.put(name('b'), `127.0.0.1:${20_001 + round * 2}`);
      await waitFor(async () => (await showServers(site.masterSocket)).includes(`b-${round}`), {
        what: `the second change of round ${round}`,
      }).catch((error) => {
        throw new Error(`${error}\n${daemon.output()}`);
      });
    }
  });

  test('a HAProxy that starts after Pointsman is waited for, and may go away for a while', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await siteOn(etcd, { haproxy: { mode: 'master-socket' } });
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    const lastPass = () => daemon.log().findLast((line) => line.event === 'pass');
    await waitFor(() => lastPass()?.outcome === 'published-waiting', { what: 'a published file' });
    const start = () => startHaproxy({ configPath: site.configPath, masterSocket: site.masterSocket });
    {
      await using _haproxy = await start();
      await daemon.ready();
      expect((await request(site.url)).body).toBe('one');
    }
    await waitFor(() => daemon.log().some((line) => line.event === 'haproxy-away'));
    await etcd.put('/services/web/two', two.address);
    await waitFor(() => lastPass()?.outcome === 'published-waiting');
    await using _haproxy = await start();
    await daemon.ready();
    await waitFor(async () => (await request(site.url)).body === 'two');
    expect(daemon.log().filter((line) => line.event === 'reload-failed')).toEqual([]);
  });
});

describe('with a real etcd and a real HAProxy', () => {
  test('the same value again is neither a write nor a reload', async () => {
    await using etcd = await startEtcd();
    await using backend = await startBackend('one');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', backend.address);
    await using daemon = await site.start();
    await daemon.ready();
    const file = await stat(site.configPath, { bigint: true });
    const { reloads } = await showProc(site.masterSocket);
    const lastPass = async () => (await daemon.status()).lastPass as { at: string; outcome: string };
    const { at } = await lastPass();
    for (let i = 0; i < 5; i++) {
      await etcd.put('/services/web/one', backend.address);
    }
    // The same value is no news, so that there may be no pass at all; this one comes after it.
    await etcd.put('/services/web/two', 'no address');
    await waitFor(async () => (await lastPass()).at !== at, { what: 'a pass' });
    expect((await lastPass()).outcome).toBe('unchanged');
    const after = await stat(site.configPath, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([file.ino, file.mtimeNs]);
    expect((await showProc(site.masterSocket)).reloads).toBe(reloads);
  });

  test('a broken edit of the template leaves the traffic alone, and its mending is followed', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await siteOn(etcd, { more: { template: './own.njk' } });
    const template = path.join(site.folder, 'own.njk');
    const good = [
      'defaults',
      '  mode http',
      '  timeout connect 1s',
      '  timeout client 5s',
      '  timeout server 5s',
      'frontend f',
      `  bind 127.0.0.1:${site.httpPort}`,
      '  default_backend be',
      'backend be',
      '{% for i in service("web").instances %}',
      '  server {{ i.id }} {{ i.address }}',
      '{% endfor %}',
      '',
    ].join('\n');
    await writeFile(template, good);
    await etcd.put('/services/web/one', one.address);
    await using daemon = await site.start();
    await daemon.ready();
    await using load = startLoad(site.url);

    await writeFile(template, good.replace('instances', 'instanses'));
    await waitFor(() => daemon.log().some((line) => line.event === 'template-error'));
    await writeFile(template, good.replace('server {{', 'sever {{'));
    await waitFor(() => daemon.log().some((line) => line.event === 'check-refused'));
    expect((await request(site.url)).body).toBe('one');

    await etcd.put('/services/web/two', two.address);
    await writeFile(template, `# mended\n${good}`);
    await waitFor(async () => (await request(site.url)).body === 'two', { what: 'the mended template' });
    expect(load.failures()).toEqual([]);
  });

  test('SIGTERM ends it with 0, and in mode managed HAProxy with it', async () => {
    await using etcd = await startEtcd();
    await using backend = await startBackend('one');
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', backend.address);
    await using daemon = await site.start();
    await daemon.ready();
    // Twice, as from a terminal's group and its leader: the second one does not leave HAProxy behind.
    daemon.child.kill('SIGTERM');
    await waitFor(() => daemon.log().some((line) => line.event === 'stopping'));
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    await expect(request(site.url)).rejects.toThrow();
  });

  test('SIGTERMs until the very end of the process leave its exit code 0', async () => {
    await using etcd = await startEtcd();
    await using site = await siteOn(etcd);
    await using daemon = await site.start();
    // Each turn of this process sends one, so that some arrive in the last milliseconds.
    const sending = setInterval(() => daemon.child.kill('SIGTERM'), 0);
    expect(await daemon.ended).toBe(0);
    clearInterval(sending);
  });

  test('a host that is gone without a word costs no request', async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using hole = await blackhole();
    await using site = await siteOn(etcd);
    await etcd.put('/services/web/one', one.address);
    await etcd.put('/services/web/two', two.address);
    await using daemon = await site.start();
    await daemon.ready();
    await using load = startLoad(site.url, { concurrency: 8 });
    await waitFor(() => load.ok() > 100);
    await etcd.put('/services/web/gone', hole.address);
    await waitFor(async () => (await showServers(site.masterSocket)).includes('gone'), {
      what: 'the silent host',
    });
    const sent = load.ok();
    await waitFor(() => load.ok() > sent + 1000, { timeout: 30_000, what: '1,000 answers' });
    expect(load.failures()).toEqual([]);
  });
});
