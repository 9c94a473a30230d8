import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, startLoad } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { heldKeys, ids, type Member, register, seen, startHosts, startMembers } from './fleet.ts';
import { guardClaimDrills } from './guard-claims.ts';
import { guardDeployDrills } from './guard-deploys.ts';
import { hold, noFailures, type Rig, showServers, startRig, within } from './rig.ts';

/** Milliseconds: `hold` of the guard in these drills. */
const HOLD = { short: 2_500, full: 20_000 };
/** Held, let go or released: noticed within this. Tests share the machine with others. */
const NOTICED = { short: 4_000, full: 1_500 };

type Form = keyof typeof HOLD;

/** Milliseconds: what is to be protected must have been there for so long. */
const WINDOW = { short: 1_500, full: 10_000 };

const guarded = (form: Form) =>
  startRig({ more: { guard: { hold: `${HOLD[form]}ms`, window: `${WINDOW[form]}ms` } } });

/** Registers members, all of them in HAProxy, for longer than the window. */
async function fleet(
  rig: Rig,
  stack: AsyncDisposableStack,
  { form, members }: { readonly form: Form; readonly members: readonly Member[] },
): Promise<void> {
  for (const member of members) {
    stack.use(member);
  }
  await register(rig, members);
  await inHaproxy(rig, members);
  await sleep(WINDOW[form] + 300);
}

async function inHaproxy(rig: Rig, members: readonly Member[]): Promise<void> {
  await rig.time(async () => {
    const text = await showServers(rig.site.masterSocket);
    return members.every(({ id }) => text.includes(` ${id} `));
  }, 'all members in HAProxy');
}

const until = (rig: Rig, count: number) =>
  rig.time(async () => (await heldKeys(rig.daemon)).length === count, `${count} held keys`, 30_000);

/** Stores that lose what still lives, and what is believed of it. */
export const guardDrills: readonly Drill[] = [
  {
    name: 'all services deleted at once; then pointsman release',
    promise: 'all held beyond guard.hold, 0 failed requests; released within 1.5 s',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      await fleet(rig, stack, { form, members: await startMembers('web', ids('w', 4)) });
      await rig.etcd.deletePrefix('/services/');
      await until(rig, 5);
      await sleep(HOLD[form] + 1_000);
      hold((await heldKeys(rig.daemon)).length === 5, 'all of them are held for longer than guard.hold');
      const { hashes } = await seen(rig.daemon);
      hold(hashes.raw !== hashes.believed, 'the raw tree differs from the believed one');
      const words = noFailures(rig.load);
      const { code, stdout } = await rig.site.run('release');
      hold(code === 0 && stdout.includes('5 held keys'), `release says what it did: ${stdout}`);
      const ms = await rig.time(async () => (await request(rig.site.url)).status !== 200, 'the release');
      return { ms: within(ms, NOTICED[form], 'released'), seen: words };
    },
  },
  {
    name: 'all services deleted key by key every 100 ms',
    promise: 'all of them serve again, 0 failed requests',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      const members = [
        ...(await startMembers('web', ids('w', form === 'full' ? 20 : 6))),
        ...(await startMembers('api', ids('a', 4))),
      ];
      await fleet(rig, stack, { form, members });
      await using api = startLoad(rig.site.url, { host: 'api' });
      const begun = performance.now();
      for (const key of ['/services/web/one', ...members.map((member) => member.key)]) {
        await rig.etcd.delete(key);
        await sleep(100);
      }
      await until(rig, members.length + 1);
      await inHaproxy(rig, members);
      const ms = performance.now() - begun;
      await sleep(HOLD[form] + 500);
      hold((await heldKeys(rig.daemon)).length === members.length + 1, 'all of them are still held');
      return { ms, seen: `${noFailures(rig.load)}, ${noFailures(api)}` };
    },
  },
  {
    name: 'store wiped, announcers back after 100 s',
    promise: 'held until each is back, 0 failed requests',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      const members = await startMembers('web', ids('w', 3));
      await fleet(rig, stack, { form, members });
      await rig.etcd.kill('SIGKILL');
      await rm(rig.etcd.dataDir, { recursive: true, force: true });
      await rig.etcd.restart();
      const ms = await until(rig, 4);
      const rules = (await seen(rig.daemon)).held.map(({ rule }) => rule);
      hold(
        rules.every((rule) => rule === 'store'),
        `the store is in doubt: ${rules}`,
      );
      await sleep(form === 'full' ? 100_000 : HOLD[form] + 1_000);
      hold((await heldKeys(rig.daemon)).length === 4, 'all of them are held for longer than guard.hold');
      for (const member of members) {
        await register(rig, [member]);
        await sleep(200);
      }
      await rig.etcd.put('/services/web/one', rig.one.address);
      await until(rig, 0);
      await rig.time(async () => {
        const { hashes, counts } = await seen(rig.daemon);
        return hashes.raw === hashes.believed && counts.instances === 4;
      }, 'raw and believed to be one again');
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: '/routes deleted',
    promise: 'held at once, 0 failed requests; believed after guard.hold',
    async run(form) {
      await using rig = await guarded(form);
      for (const host of ['a.example.com', 'b.example.com']) {
        await rig.etcd.put(
          `/services/${host[0]}/x`,
          rig.one.address.replace('127.0.0.1', `127.0.0.${host === 'a.example.com' ? 2 : 3}`),
        );
      }
      await rig.etcd.put('/routes/web', JSON.stringify({ hosts: ['w.example.com'] }));
      await rig.etcd.put('/routes/a', JSON.stringify({ hosts: ['a.example.com'] }));
      await rig.etcd.put('/routes/b', JSON.stringify({ hosts: ['b.example.com'] }));
      const ok = async (host: string) => (await request(rig.site.url, { host })).status === 200;
      await rig.time(() => ok('w.example.com'), 'the route');
      await rig.settled();
      await sleep(WINDOW[form] + 300);
      await using load = startLoad(rig.site.url, { host: 'w.example.com' });
      await rig.etcd.deletePrefix('/routes/');
      await until(rig, 3);
      await sleep(HOLD[form] / 2);
      const words = noFailures(load);
      const ms = await until(rig, 0);
      return { ms: within(ms, HOLD[form], 'believed'), seen: words };
    },
  },
  {
    name: 'a service of 2 emptied, its containers stopped',
    promise:
      'held for guard.hold whatever their checks say, then believed; nothing of HAProxy changes before',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      const members = await startMembers('api', ids('a', 2));
      await fleet(rig, stack, { form, members });
      for (const member of members) {
        await member[Symbol.asyncDispose]();
      }
      await rig.etcd.deletePrefix('/services/api/');
      const begun = performance.now();
      await rig.event('keys-held');
      // After the window, and with the checks of the packaged template long failed.
      await sleep(HOLD[form] * 0.8 - (performance.now() - begun));
      await inHaproxy(rig, members);
      hold((await heldKeys(rig.daemon)).length === 2, 'both are held although nobody answers there');
      await until(rig, 0);
      const ms = performance.now() - begun;
      hold(ms > HOLD[form] - 500, `they were held for guard.hold, not ${Math.round(ms)} ms`);
      const letGo = await rig.event('keys-let-go');
      hold(JSON.stringify(letGo.reasons) === '["believed"]', `time is the reason: ${letGo.msg}`);
      return { ms: within(ms, HOLD[form] + NOTICED[form], 'believed'), seen: noFailures(rig.load) };
    },
  },
  {
    name: 'a service of 2 emptied, its containers alive',
    promise: 'held for guard.hold, 0 failed requests, then believed',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      await fleet(rig, stack, { form, members: await startMembers('api', ids('a', 2)) });
      await using load = startLoad(rig.site.url, { host: 'api' });
      await rig.etcd.deletePrefix('/services/api/');
      const begun = performance.now();
      await until(rig, 2);
      await sleep(HOLD[form] - 1_000 - (performance.now() - begun));
      const words = noFailures(load);
      await until(rig, 0);
      const ms = performance.now() - begun;
      hold(ms > HOLD[form] - 500, `it was held for guard.hold, not ${Math.round(ms)} ms`);
      return { ms: within(ms, HOLD[form] + NOTICED[form], 'believed'), seen: words };
    },
  },
  {
    name: 'all leases of one host expire, its containers alive',
    promise: 'held, 0 failed requests; back with the registrations',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      const members = [
        ...(await startMembers('web', ids('w', 12))),
        ...(await startMembers('api', ids('a', 2))),
      ];
      for (const member of members) {
        stack.use(member);
      }
      const leases = members.map(() => rig.etcd.client.lease(60));
      await Promise.all(members.map(({ key, address }, n) => leases[n]?.put(key).value(address)));
      await inHaproxy(rig, members);
      await using api = startLoad(rig.site.url, { host: 'api' });
      await inHaproxy(rig, members);
      await sleep(WINDOW[form] + 300);
      // Each has a lease of its own, as each presence partner has.
      await Promise.all(leases.map((lease) => lease.revoke()));
      const ms = await until(rig, 14);
      await sleep(500);
      await register(rig, members);
      await until(rig, 0);
      await inHaproxy(rig, members);
      return { ms, seen: `${noFailures(rig.load)}, ${noFailures(api)}` };
    },
  },
  {
    name: '49 % of a service gone, then 51 %',
    promise: '49 % believed at once, 51 % held, 0 failed requests',
    async run(form) {
      await using rig = await guarded(form);
      await using stack = new AsyncDisposableStack();
      const members = await startHosts('api', 100);
      await fleet(rig, stack, { form, members });
      await register(rig, await startMembers('web', ids('w', 1)).then(([w]) => (w ? [stack.use(w)] : [])));
      await using load = startLoad(rig.site.url, { host: 'api' });
      const drop = async (count: number) => {
        const drops = members.slice(0, count).map(({ key }) => rig.etcd.client.delete().key(key));
        await rig.etcd.client
          .if('/none', 'Version', '==', 0)
          .then(...drops)
          .commit();
      };
      await drop(49);
      const gone = async () => !(await showServers(rig.site.masterSocket)).includes(' i48 ');
      const ms = await rig.time(gone, 'the loss of 49');
      hold((await heldKeys(rig.daemon)).length === 0, '49 % are believed');
      await sleep(WINDOW[form] + 300);
      await register(rig, members);
      await inHaproxy(rig, members);
      await sleep(WINDOW[form] + 300);
      await drop(51);
      await until(rig, 51);
      await inHaproxy(rig, members);
      return { ms, seen: noFailures(load) };
    },
  },
  ...guardDeployDrills,
  ...guardClaimDrills,
];
