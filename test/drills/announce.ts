import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, request, waitFor } from '../support/haproxy.ts';
import { announceAwayDrills } from './announce-away.ts';
import { announceExecDrills } from './announce-exec.ts';
import { type ApplyMode, type Host, startHost } from './announce-rig.ts';
import { announceStoreDrills } from './announce-store.ts';
import { noneLost } from './asking.ts';
import type { Drill, DrillResult, ModeDrill } from './drill.ts';
import { hold, noFailures, SLACK, showServers, within } from './rig.ts';

/** Milliseconds. */
const SERVED = 1_000;
const EQUAL = 2_000;
/** From what the store says until HAProxy does: what was sent there before is lost, or wrong. */
const DEATH = 50 * SLACK;

/** A container answers by its own port: from then on it is well. */
async function well({ docker }: Host, name: string): Promise<void> {
  const port = await docker.port(name);
  await waitFor(async () => (await request(`http://127.0.0.1:${port}/`).catch(() => null))?.status === 200, {
    what: `${name} to answer`,
    every: 5,
  });
}

async function startThree(host: Host, service = 'shop'): Promise<readonly string[]> {
  const names = ['1', '2', '3'].map((one) => `${service}-${one}`);
  await Promise.all(names.map((name) => host.run(service, name)));
  await host.served(...names.map((name) => `${service}/${name}`));
  return names;
}

/** From nothing to served; each of three restarted; all in order. */
async function inOrder(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode });
  const { docker, rig } = host;
  await host.run('shop', 'shop-0');
  await well(host, 'shop-0');
  const ms = within(await host.served('shop/shop-0'), SERVED, 'from well to served');
  await startThree(host);
  const asking = host.ask('shop');
  const names = form === 'full' ? ['shop-0', 'shop-1', 'shop-2', 'shop-3'] : ['shop-0', 'shop-1', 'shop-2'];
  for (const name of names) {
    await docker.restart(name);
    await well(host, name);
    await host.served(`shop/${name}`);
  }
  await docker.stop('shop-0');
  within(await host.equal(), EQUAL, 'a stopped container to be gone');
  return { ms, seen: `${noneLost(asking)}, ${noFailures(rig.load)}` };
}

interface Death {
  readonly name: string;
  die(host: Host, container: string): Promise<void>;
  /** What brings it back. */
  back(host: Host, container: string): Promise<void>;
}

const stateOf = async ({ api }: Host['docker'], container: string): Promise<string> =>
  JSON.parse(await api('GET', `/containers/${container}/json`)).State.Status;

const DEATHS: readonly Death[] = [
  {
    name: 'kill',
    die: ({ docker }, one) => docker.kill(one),
    back: ({ docker }, one) => docker.start(one),
  },
  {
    name: 'crash',
    // Its server ends, and with it the container.
    die: async ({ docker }, one) => {
      await docker.exec(one, 'busybox', 'killall', '-9', 'httpd').catch(() => undefined);
      await waitFor(async () => (await stateOf(docker, one)) === 'exited', { what: 'the crash' });
    },
    back: ({ docker }, one) => docker.start(one),
  },
  {
    name: 'pause',
    die: ({ docker }, one) => docker.pause(one),
    back: ({ docker }, one) => docker.unpause(one),
  },
  {
    name: 'restart -t 0',
    die: ({ docker }, one) => docker.restart(one, 0),
    back: async () => undefined,
  },
];

/** Each kind of death, of one of three. */
async function deaths(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode });
  const names = await startThree(host);
  const asking = host.ask('shop');
  const lost: string[] = [];
  let worst = 0;
  for (const [at, death] of DEATHS.entries()) {
    const name = names[at % names.length] ?? '';
    const begun = performance.now();
    await death.die(host, name);
    const equal = await host.equal();
    worst = Math.max(worst, within(equal, EQUAL, `${death.name}: the store to equal the engine`));
    if (mode === 'reload') {
      await host.follows();
    }
    const known = performance.now() + DEATH;
    await sleep(form === 'full' ? 2_000 : 500);
    await death.back(host, name);
    await host.served(`shop/${name}`);
    await host.equal();
    const failed = asking.failed().filter(({ ended }) => ended > begun);
    const after = failed.filter((one) => one.begun > known);
    hold(after.length === 0, `${death.name} costs nothing later: ${JSON.stringify(after[0])}`);
    lost.push(`${death.name} ${failed.length}`);
  }
  hold(asking.wrong().length === 0, 'no request is at the wrong service');
  return { ms: worst, seen: `lost: ${lost.join(', ')} of ${asking.all.length}` };
}

/** `announce` goes and comes: nothing in the store changes. */
async function upgrade(mode: ApplyMode): Promise<DrillResult> {
  await using host = await startHost({ mode });
  await startThree(host);
  await host.equal();
  const asking = host.ask('shop');
  const before = await host.keys();
  const ends: string[] = [];
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    host.announce.child.kill(signal);
    ends.push(String(await host.announce.ended));
    hold(String(await host.keys()) === String(before), `${signal} changes no key`);
    await host.startAnnounce();
    await host.announce.told('lease-held');
    await host.announce.told('engine-here');
    // What it would do wrong it does with its first look.
    await sleep(1_000);
    hold(
      String(await host.keys()) === String(before),
      `a start after ${signal} changes no key: ${await host.keys()}`,
    );
  }
  hold(ends[0] === '0', `it ends with 0 at SIGTERM: ${ends}`);
  // It is alive: a container that goes is gone.
  await host.docker.stop('shop-1');
  within(await host.equal(), EQUAL, 'a stopped container to be gone');
  return { ms: null, seen: `0 of ${before.length} keys changed, ${noneLost(asking)}` };
}

/** dockerd goes and comes, and its containers live on. */
async function liveRestore(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode, liveRestore: true });
  // Docker's proxy ends with dockerd, so what is published by it alone is away for that while: these need none.
  const ports = [await freePort(), await freePort()];
  for (const [at, port] of ports.entries()) {
    const labels = { 'pointsman.port': String(port) };
    await host.run('shop', `shop-${at}`, {
      network: 'host',
      publish: 'none',
      env: { PORT: String(port) },
      labels,
    });
  }
  await host.served('shop/shop-0', 'shop/shop-1');
  await host.equal();
  const asking = host.ask('shop');
  const before = await host.keys();
  await host.docker.end();
  await host.announce.told('engine-away');
  await sleep(form === 'full' ? 10_000 : 1_000);
  hold(String(await host.keys()) === String(before), 'no key changes while the engine is away');
  const here = host.announce.log().filter(({ event }) => event === 'engine-here').length;
  await host.docker.again();
  const begun = performance.now();
  await host.announce.told('engine-here', here + 1);
  const ms = performance.now() - begun;
  await sleep(1_000);
  hold(String(await host.keys()) === String(before), 'nor when it is back');
  await host.run('shop', 'shop-9');
  await host.served('shop/shop-9');
  return { ms: within(ms, EQUAL, 'the engine to be followed again'), seen: noneLost(asking) };
}

/** Power fails: everything of the host dies at once, leases live on, and ports are given out anew in another order. */
async function reboot(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode });
  const { docker, rig } = host;
  const names = ['shop', 'api'].flatMap((service) =>
    [1, 2, 3].map((one) => [service, `${service}-${one}`] as const),
  );
  for (const [service, name] of names) {
    await host.run(service, name, { restart: 'always' });
  }
  await host.served(...names.map((one) => one.join('/')));
  await host.equal();
  const before = await portsOf(host, names);
  const asking = host.ask('shop', 'api');
  const begun = performance.now();
  host.announce.child.kill('SIGKILL');
  await docker.end('SIGKILL');
  host.claimed.clear();
  await docker.again();
  await host.startAnnounce();
  await host.equal();
  const equal = performance.now();
  await host.served(...names.map((one) => one.join('/')));
  const after = await portsOf(host, names);
  await rig.time(async () => {
    const servers = await showServers(rig.site.masterSocket);
    return names.every(([, name]) => new RegExp(`:${name}:.* ${after.get(name)} `).test(servers));
  }, 'the ports in HAProxy');
  await rig.settled();
  const settled = performance.now();
  await sleep(form === 'full' ? 5_000 : 1_000);
  const moved = names.filter(([, name]) => before.get(name) !== after.get(name)).length;
  const others = new Set([...before.values()]);
  const swapped = names.filter(
    ([, name]) => before.get(name) !== after.get(name) && others.has(after.get(name) ?? 0),
  );
  const wrong = asking.wrong();
  for (const one of wrong) {
    const port = after.get(one.said.split('/')[1] ?? '') ?? 0;
    const claim = host.claimed.get(`${one.said.split('/')[0]} ${port}`) ?? settled;
    const until = (mode === 'auto' ? claim : settled) + DEATH;
    hold(
      one.begun <= until,
      `a claim counts within ${DEATH} ms: ${JSON.stringify(one)} ${until - one.begun}`,
    );
  }
  const late = asking.failed(settled);
  hold(late.length === 0, `all is well at the end: ${JSON.stringify(late[0])}`);
  const failed = asking.failed(begun).length;
  return {
    ms: within(equal - begun, 60_000, 'the store to equal the engine'),
    seen: `${moved} of 6 ports moved, ${swapped.length} to another's; ${wrong.length} of ${asking.all.length} at the wrong service, all before the claim; ${failed} failed meanwhile`,
  };
}

async function portsOf(
  { docker }: Host,
  names: readonly (readonly [string, string])[],
): Promise<Map<string, number>> {
  return new Map(await Promise.all(names.map(async ([, name]) => [name, await docker.port(name)] as const)));
}

/** dockerd is restarted, and takes its containers with it, in order. */
async function dockerdRestarted(mode: ApplyMode): Promise<DrillResult> {
  await using host = await startHost({ mode });
  const { docker } = host;
  for (const name of ['shop-1', 'shop-2']) {
    await host.run('shop', name, { restart: 'always' });
  }
  await host.served('shop/shop-1', 'shop/shop-2');
  const asking = host.ask('shop');
  await docker.end();
  await docker.again();
  const begun = performance.now();
  for (const name of ['shop-1', 'shop-2']) {
    await well(host, name);
  }
  const ms = within(await host.equal(), EQUAL, 'the store to equal the engine');
  await host.served('shop/shop-1', 'shop/shop-2');
  const since = performance.now();
  await sleep(1_000);
  noneLost(asking, since);
  const failed = asking.failed().filter((one) => one.begun < begun).length;
  return { ms, seen: `${failed} of ${asking.all.length} requests failed, all while no container ran` };
}

/** Containers come and go, some in order and some not. */
async function comeAndGo(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode });
  const { docker, rig } = host;
  await host.run('shop', 'shop-stays');
  await host.run('api', 'api-stays');
  await host.served('shop/shop-stays', 'api/api-stays');
  const asking = host.ask('shop', 'api');
  const count = form === 'full' ? 100 : 12;
  const deathsAt: (readonly [number, number])[] = [];
  let next = 0;
  const some = async () => {
    for (let at = next++; at < count; at = next++) {
      const service = at % 2 === 0 ? 'shop' : 'api';
      const name = `${service}-${at}`;
      await host.run(service, name);
      await sleep(200 + ((at * 379) % 1_000));
      if (at % 3 === 0) {
        const begun = performance.now();
        await docker.remove(name);
        if (mode === 'reload') {
          const gone = async () => !(await showServers(rig.site.masterSocket)).includes(`:${name}:`);
          await rig.time(gone, `the reload without ${name}`);
        }
        deathsAt.push([begun, performance.now() + DEATH]);
      } else if (at % 3 === 1) {
        await docker.stop(name);
      }
    }
  };
  const begun = performance.now();
  await Promise.all([some(), some(), some(), some()]);
  const seconds = (performance.now() - begun) / 1000;
  const ms = within(await host.equal(), EQUAL, 'the store to equal the engine');
  await rig.settled();
  hold(asking.wrong().length === 0, 'no request is at the wrong service');
  const failed = asking.failed();
  const other = failed.filter((one) => !deathsAt.some(([from, to]) => one.ended > from && one.begun < to));
  hold(other.length === 0, `only a death costs requests: ${JSON.stringify(other[0])}`);
  const words = `${count} in ${Math.round(seconds)} s, ${failed.length} of ${asking.all.length} requests lost in ${deathsAt.length} deaths`;
  return { ms, seen: words };
}

/** Each of these with either way in which HAProxy is made to follow. */
function inBoth(drills: readonly ModeDrill[]): readonly Drill[] {
  return drills.flatMap(({ name, promise, run }) =>
    (['auto', 'reload'] as const).map((mode) => ({
      name: `${name} (apply.mode: ${mode})`,
      promise,
      run: (form: 'short' | 'full') => run(mode, form),
    })),
  );
}

/** Containers of a real engine, announced, under every fault. */
export const announceDrills: readonly Drill[] = inBoth([
  {
    name: 'announce: a container started, each of three restarted in turn, one stopped',
    promise: 'served within 1 s of being well, gone within 2 s, 0 failed requests',
    run: inOrder,
  },
  {
    name: 'announce: one of three killed, crashed, paused, restarted without a grace',
    promise: 'store equals engine within 2 s, only what was under way there is lost',
    run: deaths,
  },
  {
    name: 'announce --all: upgraded, and killed with -9',
    promise: '0 keys change, 0 failed requests',
    run: upgrade,
  },
  {
    name: 'announce: dockerd restarted with live-restore',
    promise: '0 keys change, 0 failed requests',
    run: liveRestore,
  },
  {
    name: 'announce: dockerd restarted, its containers with it',
    promise: 'store equals engine within 2 s of them being well',
    run: dockerdRestarted,
  },
  ...announceAwayDrills,
  {
    name: 'announce: the host loses its power, ports are given out anew, old leases alive',
    promise: 'no request at the wrong service 50 ms after the claim, or after its reload',
    run: reboot,
  },
  {
    name: 'announce: 100 containers come and go within a minute, some killed',
    promise: 'store equals engine within 2 s, only deaths cost requests',
    run: comeAndGo,
  },
  ...announceStoreDrills,
  ...announceExecDrills,
]);
