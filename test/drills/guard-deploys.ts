import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { heldKeys, ids, type Member, register, seen, startMembers } from './fleet.ts';
import { hold, noFailures, type Rig, showServers, startRig } from './rig.ts';

const HOLD = { short: 10_000, full: 20_000 };

async function shown(rig: Rig, ...there: readonly Member[]): Promise<void> {
  await rig.time(async () => {
    const text = await showServers(rig.site.masterSocket);
    return there.every(({ id }) => text.includes(` ${id} `));
  }, 'the new instances in HAProxy');
}

async function gone(rig: Rig, ...members: readonly Member[]): Promise<void> {
  await rig.time(async () => {
    const text = await showServers(rig.site.masterSocket);
    return text !== '' && members.every(({ id }) => !text.includes(` ${id} `));
  }, 'the old instances out of HAProxy');
}

/** A new one before each old one goes, one by one. */
async function roll(rig: Rig, old: readonly Member[], fresh: readonly Member[]): Promise<void> {
  for (const [place, member] of fresh.entries()) {
    await register(rig, [member]);
    await shown(rig, member);
    const before = old[place];
    if (before) {
      await rig.etcd.delete(before.key);
    }
  }
}

/** What must not look like a loss, and what happens in the middle of one. */
export const guardDeployDrills: readonly Drill[] = [
  {
    name: 'rolling and blue/green deploys of 2, 4 and 20 instances',
    promise: 'no hold, 0 failed requests',
    async run(form) {
      await using rig = await startRig({ more: { guard: { hold: '6m', window: '30s' } } });
      await using stack = new AsyncDisposableStack();
      const start = async (prefix: string, size: number) => {
        const members = await startMembers('web', ids(prefix, size));
        for (const member of members) {
          stack.use(member);
        }
        return members;
      };
      let old: Member[] = [{ ...rig.one, id: 'one', key: '/services/web/one' }];
      for (const size of form === 'full' ? [2, 4, 20] : [2, 4]) {
        const first = await start(`first${size}-`, size);
        await register(rig, first);
        await shown(rig, ...first);
        for (const { key } of old) {
          await rig.etcd.delete(key);
        }
        await gone(rig, ...old);
        const second = await start(`roll${size}-`, size);
        await roll(rig, first, second);
        await gone(rig, ...first);
        const green = await start(`green${size}-`, size);
        await register(rig, green);
        await shown(rig, ...green);
        for (const { key } of second) {
          await rig.etcd.delete(key);
        }
        await gone(rig, ...second);
        old = green;
      }
      hold(!rig.daemon.log().some(({ event }) => event === 'keys-held'), 'nothing was held');
      return { ms: null, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'Pointsman killed and started in the middle of a hold',
    promise: 'the hold goes on: neither begun anew nor skipped, 0 failed requests',
    async run(form) {
      await using rig = await startRig({ more: { guard: { hold: `${HOLD[form]}ms` } } });
      await using stack = new AsyncDisposableStack();
      for (const member of await startMembers('api', ids('a', 2))) {
        stack.use(member);
        await register(rig, [member]);
        await shown(rig, member);
      }
      await rig.etcd.deletePrefix('/services/api/');
      await rig.time(async () => (await heldKeys(rig.daemon)).length === 2, 'a hold');
      const [first] = (await seen(rig.daemon)).held;
      const since = Date.parse(first?.since ?? '');
      // A start takes seconds on a busy machine, and it has to find the hold.
      await sleep(form === 'full' ? HOLD.full / 4 : 500);
      rig.daemon.child.kill('SIGKILL');
      await rig.daemon.ended;
      rig.daemon = await rig.site.start();
      await rig.daemon.ready();
      const again = (await seen(rig.daemon)).held;
      hold(again.length === 2 && Date.parse(again[0]?.since ?? '') === since, 'it is the same hold');
      await rig.time(async () => (await heldKeys(rig.daemon)).length === 0, 'its end', HOLD[form] + 5_000);
      const ms = Date.now() - since;
      hold(ms >= HOLD[form] - 100 && ms < HOLD[form] + 4_000, `it lasted ${ms} ms of ${HOLD[form]}`);
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'pointsman release with the daemon dead',
    promise: 'takes effect at the next start',
    async run() {
      await using rig = await startRig({ more: { guard: { hold: '6m' } } });
      await rig.etcd.deletePrefix('/services/');
      await rig.time(async () => (await heldKeys(rig.daemon)).length === 1, 'a hold');
      rig.daemon.child.kill('SIGKILL');
      await rig.daemon.ended;
      const { code, stdout } = await rig.site.run('release');
      hold(code === 0 && stdout.includes('when one starts'), `release says so: ${stdout}`);
      const begun = performance.now();
      rig.daemon = await rig.site.start();
      await rig.time(async () => (await request(rig.site.url)).status !== 200, 'the release');
      return { ms: performance.now() - begun, seen: noFailuresBefore(rig) };
    },
  },
  {
    name: 'a flapping store: everything gone and back, again and again',
    promise: '0 failed requests, nothing held at the end',
    async run(form) {
      await using rig = await startRig({ more: { guard: { hold: '1s' } } });
      await using stack = new AsyncDisposableStack();
      const members = await startMembers('web', ids('w', 4));
      for (const member of members) {
        stack.use(member);
      }
      await register(rig, members);
      await shown(rig, ...members);
      for (let turn = 0; turn < (form === 'full' ? 20 : 4); turn++) {
        await rig.etcd.deletePrefix('/services/');
        await sleep(turn % 2 === 0 ? 300 : 1_300);
        await register(rig, members);
        await rig.etcd.put('/services/web/one', rig.one.address);
        await sleep(300);
      }
      const none = async () => (await heldKeys(rig.daemon)).length === 0;
      const ms = await rig.time(none, 'the end of all holds');
      await rig.settled();
      hold((await seen(rig.daemon)).counts.instances === 5, 'all are there');
      return { ms, seen: noFailures(rig.load) };
    },
  },
];

/** After a release there is nothing to answer: only failures of the connection would be ours. */
function noFailuresBefore(rig: Rig): string {
  const others = rig.load.failures().filter((one) => !/^(404|503)/.test(one));
  hold(others.length === 0, `only 404 and 503 were seen, not ${others[0]}`);
  return `${rig.load.ok()} requests answered before`;
}
