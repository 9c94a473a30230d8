import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { request, startLoad } from '../support/haproxy.ts';
import type { Drill, DrillResult } from './drill.ts';
import { heldKeys, ids, type Member, register, startMembers } from './fleet.ts';
import { hold, noFailures, type Rig, showServers, startRig, within } from './rig.ts';

/** Milliseconds. Tests share the machine with others. */
const AT_ONCE = { short: 2_000, full: 500 };

/** An instance that notes when requests that are not meant for `shop` arrive. */
interface Witness extends Member {
  /** The times of the requests for any other host than `shop`, in milliseconds of `performance.now()`. */
  readonly others: readonly number[];
  readonly own: () => number;
}

async function startWitness(id: string): Promise<Witness> {
  const others: number[] = [];
  let own = 0;
  const server = createServer((request, response) => {
    if (request.headers.host === 'shop') {
      own++;
    } else {
      others.push(performance.now());
    }
    response.end(id);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    id,
    key: `/services/web/${id}`,
    address: `127.0.0.1:${port}`,
    others,
    own: () => own,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const inHaproxy = (rig: Rig, members: readonly Member[]) =>
  rig.time(async () => {
    const text = await showServers(rig.site.masterSocket);
    return members.every(({ id }) => text.includes(` ${id} `));
  }, 'all members in HAProxy');

/** Everything is held; then another service registers the address of one that is. */
async function claimed(mode: 'auto' | 'reload', form: 'short' | 'full'): Promise<DrillResult> {
  await using rig = await startRig({ more: { guard: { hold: '6m', window: '1s' }, apply: { mode } } });
  await using stack = new AsyncDisposableStack();
  const witness = stack.use(await startWitness('given'));
  const members = [
    witness,
    ...(await startMembers('web', ids('w', 2))).map((one) => stack.use(one)),
    ...(await startMembers('api', ids('a', 2))).map((one) => stack.use(one)),
  ];
  await register(rig, members);
  await inHaproxy(rig, members);
  await using api = startLoad(rig.site.url, { host: 'api' });
  await sleep(1_300);
  await rig.etcd.deletePrefix('/services/');
  await rig.time(async () => (await heldKeys(rig.daemon)).length === 6, 'a hold of everything');
  await rig.settled();
  hold(witness.others.length > 0 && witness.own() === 0, 'the held one serves web, and only that');
  const seen = rig.daemon.log().length;
  const begun = performance.now();
  await rig.etcd.put('/services/shop/new', witness.address);
  await rig.time(async () => {
    await request(rig.site.url, { host: 'shop' }).catch(() => null);
    return witness.own() > 0;
  }, 'a request for its new service');
  const letGo = await rig.event('keys-let-go', seen);
  hold(JSON.stringify(letGo.reasons) === '["claimed"]', `the claim is the reason: ${letGo.msg}`);
  await sleep(form === 'full' ? 5_000 : 1_500);
  // Before it is registered nobody can know whose it is; the last request for web tells how long that took to get through.
  const ms = Math.max(0, (witness.others.at(-1) ?? 0) - begun);
  const held = await heldKeys(rig.daemon);
  hold(held.length === 5 && !held.includes(witness.key), `only the claimed one is let go, not ${held}`);
  const words = `${noFailures(rig.load)}, ${noFailures(api)}`;
  return {
    ms: within(ms, AT_ONCE[form], 'the last request for web at the address that shop has now'),
    seen: words,
  };
}

/** Nothing that is held keeps an address that a live key claims. */
export const guardClaimDrills: readonly Drill[] = (['auto', 'reload'] as const).map((mode) => ({
  name: `everything held, then another service registers the address of a held one (apply.mode: ${mode})`,
  promise: 'the held one loses it at once, no request at the wrong service after that, 0 failed requests',
  run: (form) => claimed(mode, form),
}));
