import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, startLoad } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { ids, register, seen, startMembers } from './fleet.ts';
import { hold, noFailures, type Rig, showServers, startRig, within } from './rig.ts';

/** Milliseconds until the cache is served, `cache.wait` included. Tests share the machine with others. */
const SERVED = { short: 20_000, full: 4_000 };

/** With HAProxy as Pointsman's child it goes and comes with it; in `master-socket` it runs all the time. */
const rigOf = (haproxy: 'managed' | 'master-socket', cache: Record<string, string> = {}) =>
  startRig({ haproxy: { mode: haproxy }, more: { cache: { wait: '1s', ...cache } } });

const state = (rig: Rig, name: string) => path.join(rig.site.folder, 'state', name);

/** Ends Pointsman and etcd. With `file: gone` a HAProxy can start from nothing but what Pointsman gives it. */
async function blackout(rig: Rig, file: 'gone' | 'kept'): Promise<void> {
  rig.daemon.child.kill('SIGTERM');
  await rig.daemon.ended;
  await rig.etcd.kill('SIGKILL');
  if (file === 'gone') {
    await rm(rig.site.configPath, { force: true });
  }
}

/** Starts Pointsman without etcd, waits until the cache is served, and gives the milliseconds. */
async function servedFromCache(rig: Rig, ...flags: string[]): Promise<number> {
  const begun = performance.now();
  rig.daemon = await rig.site.start({ flags });
  const ok = async () => (await request(rig.site.url).catch(() => null))?.status === 200;
  await rig.time(async () => (await seen(rig.daemon)).cache !== null && (await ok()), 'the cache');
  const ms = performance.now() - begun;
  hold((await seen(rig.daemon)).stale, 'it says that it is stale');
  return ms;
}

/** Starts Pointsman without etcd and waits until it says why there is nothing to serve. */
async function notServed(rig: Rig, why: string): Promise<void> {
  rig.daemon = await rig.site.start();
  await rig.time(async () => {
    const status = (await rig.daemon.status()) as { lastPass: { error: string | null } | null };
    return status.lastPass?.error?.includes(why);
  }, `the reason: ${why}`);
}

/** etcd comes back: the sources are served again. */
async function backToLive(rig: Rig): Promise<void> {
  await rig.etcd.restart();
  await rig.time(async () => {
    const { cache, stale, ready } = await seen(rig.daemon);
    return cache === null && !stale && ready;
  }, 'the sources');
}

/** Starts without a store, and stores that fill slowly. */
export const cacheDrills: readonly Drill[] = [
  {
    name: 'start without etcd, a fresh cache; etcd comes later',
    promise: 'served within cache.wait + 3 s, said as stale; then live without a failed request',
    async run(form) {
      await using rig = await rigOf('managed');
      await blackout(rig, 'gone');
      const ms = within(await servedFromCache(rig), SERVED[form], 'served from the cache');
      await using load = startLoad(rig.site.url);
      await sleep(500);
      await backToLive(rig);
      await sleep(500);
      return { ms, seen: noFailures(load) };
    },
  },
  {
    name: 'start without etcd, an old cache; then with --accept-stale',
    promise: 'nothing touched, /readyz says why; accepted when a person says so',
    async run(form) {
      await using rig = await rigOf('managed', { maxAge: '1s' });
      await blackout(rig, 'gone');
      await sleep(1_500);
      await notServed(rig, 'more than cache.maxAge');
      hold(
        (await readdir(path.dirname(rig.site.configPath))).every((one) => !/\.cfg$/.test(one)),
        'no file',
      );
      const ready = await request(`http://127.0.0.1:${rig.site.statusPort}/readyz`);
      hold(ready.status === 503 && ready.body.includes('cache.maxAge'), `/readyz says why: ${ready.body}`);
      rig.daemon.child.kill('SIGTERM');
      await rig.daemon.ended;
      const ms = await servedFromCache(rig, '--accept-stale');
      return { ms: within(ms, SERVED[form], 'served from the cache') };
    },
  },
  {
    name: 'start without etcd and without a cache; etcd comes later',
    promise: 'nothing touched, /readyz says why; then served within 5 s',
    async run() {
      await using rig = await rigOf('managed');
      await blackout(rig, 'gone');
      await rm(state(rig, 'tree'));
      await notServed(rig, 'there is no cache');
      const ready = await request(`http://127.0.0.1:${rig.site.statusPort}/readyz`);
      hold(ready.status === 503 && ready.body.includes('no cache'), `/readyz says why: ${ready.body}`);
      const begun = performance.now();
      await backToLive(rig);
      return { ms: within(performance.now() - begun, 10_000, 'served') };
    },
  },
  ...(['fresh', 'old', 'no', 'broken'] as const).map(
    (cache): Drill => ({
      name: `start without etcd, HAProxy running, ${cache} cache; etcd comes later`,
      promise: 'HAProxy stays as it is, 0 failed requests',
      async run() {
        await using rig = await rigOf('master-socket', cache === 'old' ? { maxAge: '1s' } : {});
        const pid = rig.haproxy?.pid;
        await blackout(rig, 'kept');
        if (cache === 'no') {
          await rm(state(rig, 'tree'));
        }
        if (cache === 'broken') {
          await writeFile(state(rig, 'tree'), 'half a li');
        }
        if (cache === 'old') {
          await sleep(1_500);
        }
        if (cache === 'fresh') {
          await servedFromCache(rig);
        } else {
          await notServed(rig, cache === 'old' ? 'cache.maxAge' : 'cache');
        }
        if (cache === 'broken') {
          hold((await readdir(path.dirname(state(rig, 'x')))).includes('tree.broken'), 'it is set aside');
          await rig.event('notice');
        }
        await sleep(500);
        const before = rig.daemon
          .log()
          .filter(({ outcome }) => outcome === 'reloaded' || outcome === 'started').length;
        hold(before === 0, 'nothing was reloaded');
        await backToLive(rig);
        hold(rig.haproxy?.pid === pid, 'it is the same HAProxy');
        return { ms: null, seen: noFailures(rig.load) };
      },
    }),
  ),
  {
    name: 'the whole cluster boots cold with a cache: etcd empty, services arrive slowly',
    promise: 'what lives answers from the start, 0 failed requests, all live at the end',
    async run(form) {
      await using rig = await rigOf('managed');
      await using stack = new AsyncDisposableStack();
      const members = await startMembers('web', ids('w', 6));
      for (const member of members) {
        stack.use(member);
      }
      await register(rig, members);
      await rig.settled();
      await sleep(1_500);
      await blackout(rig, 'gone');
      await rm(rig.etcd.dataDir, { recursive: true, force: true });
      await rig.etcd.restart();
      rig.daemon = await rig.site.start();
      const ms = await rig.time(
        async () => (await request(rig.site.url).catch(() => null))?.status === 200,
        'traffic before anybody has registered',
      );
      await using load = startLoad(rig.site.url);
      for (const member of members) {
        await register(rig, [member]);
        await sleep(form === 'full' ? 20_000 : 200);
      }
      await rig.etcd.put('/services/web/one', rig.one.address);
      await rig.time(async () => {
        const { held, counts } = await seen(rig.daemon);
        return held.length === 0 && counts.instances === 7;
      }, 'everybody back');
      return { ms, seen: noFailures(load) };
    },
  },
  {
    name: 'the whole cluster boots cold without a cache, HAProxy running from its file',
    promise: 'an empty store takes nothing away; each service is served as it arrives',
    async run() {
      await using rig = await rigOf('master-socket');
      await using stack = new AsyncDisposableStack();
      await blackout(rig, 'kept');
      await rm(state(rig, 'tree'));
      await rm(rig.etcd.dataDir, { recursive: true, force: true });
      await rig.etcd.restart();
      await notServed(rig, 'waiting for the first one');
      const begun = performance.now();
      await rig.etcd.put('/services/web/one', rig.one.address);
      for (const member of await startMembers('web', ids('w', 4))) {
        stack.use(member);
        await register(rig, [member]);
        await rig.time(
          async () => (await showServers(rig.site.masterSocket)).includes(` ${member.id} `),
          'it in HAProxy',
        );
      }
      return { ms: (performance.now() - begun) / 4, seen: noFailures(rig.load) };
    },
  },
];
