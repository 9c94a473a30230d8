import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { type Backend, cli, request, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

interface SetByHand {
  readonly backend: string;
  readonly server: string;
  readonly admin: string;
  readonly ageSeconds: number;
}

const siteOn = (etcd: TestEtcd, more: Record<string, unknown> = {}) =>
  makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    more: { apply: { readBack: '300ms' }, ...more },
  });

const setByHand = async (daemon: Daemon) => (await daemon.status()).setByHand as readonly SetByHand[];

/** Who answers how often, of 30 requests. */
async function answersOf(site: Site, host: string): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let count = 0; count < 30; count++) {
    const { body } = await request(site.url, { headers: { host } });
    counts[body] = (counts[body] ?? 0) + 1;
  }
  return counts;
}

const drainedOf = async (site: Site) =>
  (await cli(site.statsSocket, 'show servers state be_web'))
    .split('\n')
    .map((row) => row.split(' '))
    .filter((columns) => Number(columns[6]) > 0 && columns[1] === 'be_web')
    .map((columns) => `${columns[3]} ${columns[6]}`);

/** One more route: that takes a reload. */
async function reload(etcd: TestEtcd, site: Site, name: string): Promise<void> {
  const { worker } = await showProc(site.masterSocket).then(({ workers }) => ({ worker: workers.at(-1) }));
  await etcd.put(`/routes/${name}`, JSON.stringify({ hosts: [`${name}.test`] }));
  await waitFor(
    async () => {
      const { workers } = await showProc(site.masterSocket).catch(() => ({ workers: [worker] }));
      const isThere = (await request(site.url, { headers: { host: `${name}.test` } })).status === 503;
      return isThere && !workers.slice(-1).includes(worker);
    },
    { what: `the reload over ${name}` },
  );
}

describe.each(oldestAndNewest)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('who was drained or taken out by hand stays so over reloads, restarts and the end of HAProxy, until it registers anew', async () => {
    await using etcd = await startEtcd();
    await using stack = new AsyncDisposableStack();
    const backends: Backend[] = [];
    for (const name of ['a', 'b', 'c']) {
      const backend = stack.use(await startBackend(name));
      backends.push(backend);
      await etcd.put(`/services/web/${name}`, backend.address);
    }
    await using site = await siteOn(etcd);
    {
      await using daemon = await site.start();
      await daemon.ready();
      await waitFor(async () => (await request(site.url, { headers: { host: 'web' } })).status === 200);
      await cli(site.statsSocket, 'set server be_web/a state drain; set server be_web/b state maint');
      await waitFor(async () => (await setByHand(daemon)).length === 2);
      await reload(etcd, site, 'one');
      expect(await answersOf(site, 'web')).toEqual({ c: 30 });
      expect(await setByHand(daemon)).toMatchObject([
        { backend: 'be_web', server: 'a', admin: 'drain' },
        { backend: 'be_web', server: 'b', admin: 'maint' },
      ]);
      const { stdout } = await site.run('services');
      expect(stdout).toMatch(
        / a +\S+ +DRAIN by hand for 0 min.*\n +b +\S+ +MAINT by hand for 0 min.*\n +c +\S+ +UP/,
      );
      expect((await site.run('check')).stdout).toContain('server be_web/a is set to drain by hand for 0 min');
      daemon.child.kill('SIGKILL');
      await daemon.ended;
    }
    await using daemon = await site.start();
    await daemon.ready();
    await reload(etcd, site, 'two');
    expect(await answersOf(site, 'web')).toEqual({ c: 30 });
    // HAProxy ends, and is started again.
    process.kill((await showProc(site.masterSocket)).master, 'SIGKILL');
    await waitFor(async () => daemon.log().filter(({ event }) => event === 'haproxy-started').length > 0);
    await waitFor(
      async () => (await request(site.url, { headers: { host: 'web' } }).catch(() => null))?.status === 200,
    );
    expect(await answersOf(site, 'web')).toEqual({ c: 30 });
    expect(await drainedOf(site)).toEqual(['a 8', 'b 1']);

    // Deleted and written as one: the text stays the same.
    await etcd.client
      .if('nobody', 'Create', '==', 0)
      .then(etcd.client.delete().key('/services/web/b'))
      .commit();
    await etcd.put('/services/web/b', backends[1]?.address ?? '');
    await waitFor(async () => (await site.run('services')).stdout.includes(' b '));
    await reload(etcd, site, 'three');
    await waitFor(async () => (await setByHand(daemon)).length === 1);
    expect(Object.keys(await answersOf(site, 'web')).sort()).toEqual(['b', 'c']);
    expect(await drainedOf(site)).toEqual(['a 8']);

    await cli(site.statsSocket, 'set server be_web/a state ready');
    await waitFor(async () => (await setByHand(daemon)).length === 0);
    await reload(etcd, site, 'four');
    expect(Object.keys(await answersOf(site, 'web')).sort()).toEqual(['a', 'b', 'c']);
    const over = () => daemon.log().filter(({ event }) => event === 'set-by-hand-over');
    await waitFor(() => over().length === 2);
    expect(over().map(({ server, cause }) => `${server} ${cause}`)).toEqual([
      'b registered anew',
      'a set back',
    ]);
  }, 60_000);

  test("what Pointsman drains, disables and weighs by itself is nobody's hand", async () => {
    await using etcd = await startEtcd();
    await using one = await startBackend('one');
    await using site = await siteOn(etcd, { apply: { readBack: '300ms', drain: '10m' } });
    for (const name of ['a', 'b']) {
      await etcd.put(
        `/services/${name}/i`,
        one.address.replace('127.0.0.1', name === 'a' ? '127.0.0.1' : '127.0.0.2'),
      );
    }
    await etcd.put('/services/a/drained', JSON.stringify({ host: '127.0.0.3', port: one.port, drain: true }));
    await etcd.put('/services/a/gone', `127.0.0.4:${one.port}`);
    await using daemon = await site.start();
    await daemon.ready();
    await etcd.delete('/services/a/gone');
    await etcd.put('/services/a/i', JSON.stringify({ host: '127.0.0.1', port: one.port, weight: 7 }));
    await waitFor(async () =>
      / gone 127.0.0.4 \d 8 /.test(await cli(site.statsSocket, 'show servers state be_a')),
    );
    await waitFor(async () =>
      / i 127.0.0.1 \d 0 7 /.test(await cli(site.statsSocket, 'show servers state be_a')),
    );
    await cli(site.statsSocket, 'set server be_b/i state drain');
    await waitFor(async () => (await setByHand(daemon)).some(({ backend }) => backend === 'be_b'));
    expect(await setByHand(daemon)).toHaveLength(1);
    expect(daemon.log().filter(({ event }) => event === 'set-by-hand')).toHaveLength(1);
  });

  test('the first answer after a corrected check comes at once', async () => {
    await using web = await startBackend('web');
    await using site = await makeSite({ more: { template: './t.njk' } });
    const template = (more: string) => `global
  stats socket {{ haproxy.statsSocket }} mode 600 level admin
  server-state-file {{ haproxy.serverState }}
defaults
  mode http
  load-server-state-from-file global
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend f
  bind {{ vars.bind }}
  default_backend web
backend web
  server a ${web.address} check fall 1 rise 3 ${more}
`;
    await writeFile(path.join(site.folder, 'services.yaml'), 'services: {}');
    await writeFile(path.join(site.folder, 't.njk'), template('inter 300ms port 1'));
    await using daemon = await site.start();
    await daemon.ready();
    await waitFor(async () => (await request(site.url)).status === 503, { timeout: 40_000 });
    await writeFile(path.join(site.folder, 't.njk'), template('inter 30s fastinter 30s downinter 30s'));
    await waitFor(() => daemon.log().filter(({ outcome }) => outcome === 'reloaded').length === 1);
    expect((await request(site.url)).status).toBe(200);
  }, 60_000);
});
