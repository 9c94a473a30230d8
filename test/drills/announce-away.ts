import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/haproxy.ts';
import { type ApplyMode, type Host, startHost } from './announce-rig.ts';
import { noneLost } from './asking.ts';
import type { DrillResult, ModeDrill } from './drill.ts';
import { hold, within } from './rig.ts';

/** Milliseconds from an engine that answers again. */
const EQUAL = 2_000;

/** These die, and those with `always` are started again by the engine; the last one stays. */
const CONTAINERS = [
  ['shop-dies', 'no'],
  ['shop-again', 'always'],
  ['shop-later', 'no'],
  ['shop-stays', 'always'],
] as const;

/**
 * Containers die while dockerd is away, once with `announce` there and once with it away too. Without live-restore dockerd was
 * killed, else they would all have ended with it; when it is back it ends what lives.
 */
async function deathsWhileAway(
  liveRestore: boolean,
  mode: ApplyMode,
  form: 'short' | 'full',
): Promise<DrillResult> {
  await using host = await startHost({ mode, liveRestore });
  const { docker, announce } = host;
  for (const [name, restart] of CONTAINERS) {
    await run(host, name, restart);
  }
  await host.served(...CONTAINERS.map(([name]) => `shop/${name}`));
  await host.equal();
  const asking = host.ask('shop');
  const processes = new Map<string, number>();
  for (const [name] of CONTAINERS) {
    processes.set(name, await docker.processOf(name));
  }
  const before = await host.keys();
  await docker.end(liveRestore ? 'SIGTERM' : 'SIGKILL');
  await announce.told('engine-away');
  await docker.crash(processes.get('shop-dies') ?? 0);
  await docker.crash(processes.get('shop-again') ?? 0);
  await sleep(form === 'full' ? 5_000 : 500);
  hold(String(await host.keys()) === String(before), 'no key changes while the engine is away');
  const ms = await backAgain(host);

  // What it ran for others goes on; `announce` comes back before the engine does.
  const [gone, back] = liveRestore ? ['shop-later', 'shop-again'] : ['shop-again', 'shop-stays'];
  const process_ = await docker.processOf(gone);
  host.announce.child.kill('SIGKILL');
  await host.announce.ended;
  await docker.end(liveRestore ? 'SIGTERM' : 'SIGKILL');
  await docker.crash(process_);
  await host.startAnnounce();
  await host.announce.told('engine-away');
  const later = await backAgain(host);
  await host.served(`shop/${back}`);
  // What the guard holds stays in HAProxy: its checks keep it from getting requests.
  await host.rig.settled();
  const since = performance.now();
  await sleep(1_000);
  noneLost(asking, since);
  hold(asking.wrong().length === 0, 'no request is at the wrong service');
  const failed = asking.failed().length;
  return {
    ms: Math.max(ms, later),
    seen: `${failed} of ${asking.all.length} requests failed${liveRestore ? '' : ', dockerd had ended the others'}`,
  };
}

async function run(host: Host, name: string, restart: 'no' | 'always'): Promise<void> {
  // Docker's proxy ends with dockerd, so what is published by it alone is away for that while: these need none.
  const port = String(await freePort());
  const labels = { 'pointsman.port': port };
  await host.run('shop', name, { network: 'host', publish: 'none', env: { PORT: port }, labels, restart });
}

async function backAgain(host: Host): Promise<number> {
  await host.docker.again();
  return within(await host.equal(), EQUAL, 'the store to equal the engine');
}

/** The engine is away, and what it ran dies meanwhile. */
export const announceAwayDrills: readonly ModeDrill[] = [
  {
    name: 'announce: containers die while dockerd is away with live-restore',
    promise: 'store equals engine within 2 s of its being back, no key changes before',
    run: (mode, form) => deathsWhileAway(true, mode, form),
  },
  {
    name: 'announce: containers die while dockerd is away without live-restore (killed with -9)',
    promise: 'store equals engine within 2 s of its being back, no key changes before',
    run: (mode, form) => deathsWhileAway(false, mode, form),
  },
];
