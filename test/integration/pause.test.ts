import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { cli, request, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const SLOW = ['sh', '-c', 'sleep 1; exec haproxy -c -f {config}'];

const keys = (site: Site, services: object) =>
  writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));

describe('pause', () => {
  test.each([
    ['a reload', { more: { apply: { mode: 'reload' } } }],
    ['a change at run time', {}],
  ])(
    'returns when the daemon holds, in the middle of %s: from then on nothing is touched',
    async (_, more) => {
      await using one = await startBackend('one');
      await using site = await makeSite({
        haproxy: { checkCommand: SLOW },
        vars: { defaultService: 'web' },
        ...more,
      });
      await keys(site, { web: { one: one.address } });
      await using daemon = await site.start();
      await daemon.ready();
      for (let round = 0; round < 3; round += 1) {
        await keys(site, { web: { one: one.address, [`x${round}`]: '127.0.0.1:1' } });
        await sleep(100 + round * 300);
        const { code, stdout } = await site.run('pause', '--for', '5m');
        const look = async () => ({
          file: await readFile(site.configPath, 'utf8'),
          proc: await showProc(site.masterSocket),
          servers: (await cli(site.masterSocket, '@1 show servers state'))
            .split('\n')
            .map((row) => row.split(' ').slice(0, 5).join(' ')),
        });
        const held = await look();
        expect({ code, stdout }).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('the daemon holds'),
        });
        await keys(site, { web: { one: one.address, late: '127.0.0.1:2' } });
        await waitFor(
          async () => {
            const { lastPass } = (await daemon.status()) as {
              lastPass: { outcome: string; triggers: string[] };
            };
            return lastPass.outcome === 'paused' && lastPass.triggers.some((one) => one.includes('changed'));
          },
          { what: 'the change to be seen' },
        );
        await sleep(1500);
        expect(await look()).toEqual(held);
        expect(await site.run('resume')).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/^resumed: /),
        });
        await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('server late'), {
          timeout: 20_000,
        });
      }
      const user = new RegExp(
        `by uid ${process.getuid?.()}\\b.* was taken back by uid ${process.getuid?.()}\\b`,
      );
      const resumed = daemon.log().filter(({ event }) => event === 'resumed');
      expect(resumed.map(({ msg }) => user.test(String(msg)))).toEqual([true, true, true]);
    },
    90_000,
  );

  test('works with the daemon dead, and says so at once', async () => {
    await using site = await makeSite();
    await keys(site, {});
    expect(await site.run('pause', '--for', '5m')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no daemon runs on'),
    });
    expect((await site.run('resume')).stdout).toMatch(/^resumed: .* was taken back \(no daemon runs/);
    expect((await site.run('resume')).stdout).toMatch(/^nothing to resume: /);
  });

  test('fails where a daemon runs and does not answer', async () => {
    await using one = await startBackend('one');
    await using site = await makeSite();
    await keys(site, { web: { one: one.address } });
    await using daemon = await site.start();
    await daemon.ready();
    daemon.child.kill('SIGSTOP');
    try {
      expect(await site.run('pause', '--for', '5m')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('has not answered in 10 s'),
      });
    } finally {
      daemon.child.kill('SIGCONT');
    }
  }, 40_000);
});

test('resume under a pause of the fleet names the key that still holds', async () => {
  await using etcd = await startEtcd();
  await using one = await startBackend('one');
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    more: { prefixes: { keys: ['/haproxy'] } },
  });
  await etcd.put('/services/web/one', one.address);
  await using daemon = await site.start();
  await daemon.ready();
  expect((await site.run('pause', '--for', '1m')).stdout).toContain('the daemon holds');
  await etcd.put('/haproxy/pointsman/pause', '30m');
  await waitFor(async () =>
    (await request(`http://127.0.0.1:${site.statusPort}/readyz`)).body.includes('by the key'),
  );
  const { code, stdout } = await site.run('resume');
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^still paused: the pause until \S+ was taken back, but the key \/haproxy\/pointsman\/pause holds until \S+;/,
  );
  expect((await site.run('resume')).stdout).toMatch(
    /^still paused: there was no pause of this host, but the key \/haproxy\/pointsman\/pause holds/,
  );
  await etcd.delete('/haproxy/pointsman/pause');
  await waitFor(
    async () => !(await request(`http://127.0.0.1:${site.statusPort}/readyz`)).body.includes('PAUSED'),
  );
  expect((await site.run('resume')).stdout).toMatch(/^nothing to resume: there was no pause of this host\n$/);
});
