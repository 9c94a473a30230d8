import { waitFor } from '../support/haproxy.ts';
import { noneLost } from './asking.ts';
import type { Drill, DrillResult } from './drill.ts';
import { hold } from './rig.ts';
import { type Presence, startUnitsHost, type UnitsHost } from './units-rig.ts';

/** What is done to the host, and what it gives to say. Throws where the promise was broken. */
type Step = (on: UnitsHost) => Promise<number>;

/** Throws where the service was told to end before its partner was gone: where that is a container, its engine says it. */
async function partnerFirst(on: UnitsHost, since: Date): Promise<void> {
  if (on.presence !== 'container') {
    return;
  }
  const told = await on.told(since, 'shop-1', 'shop-1-presence');
  const gone = told.findIndex(({ container, action }) => container === 'shop-1-presence' && action === 'die');
  const signal = told.findIndex(({ container, action }) => container === 'shop-1' && action === 'kill');
  const order = told.map(({ container, action }) => `${container} ${action}`).join(', ');
  hold(
    gone >= 0 && signal >= 0 && gone < signal,
    `the partner ends before its service gets a signal: ${order}`,
  );
}

const restart: Step = async (on) => {
  const since = new Date();
  const before = on.deleted.length;
  await on.systemctl('restart', 'shop@1');
  const ms = await on.become(...on.all);
  await partnerFirst(on, since);
  hold(
    on.deleted.slice(before).join() === on.all[0],
    `its key alone was deleted: ${on.deleted.slice(before)}`,
  );
  return ms;
};

const stopAndStart: Step = async (on) => {
  const since = new Date();
  await on.systemctl('stop', 'shop@1');
  hold(
    String(await on.registered()) === String(on.all.slice(1)),
    'the key is gone when systemctl stop returns',
  );
  await partnerFirst(on, since);
  await on.systemctl('start', 'shop@1');
  return on.become(...on.all);
};

const partnerStopped: Step = async (on) => {
  const since = new Date();
  await on.systemctl('stop', 'shop-presence@1');
  hold(String(await on.registered()) === 'shop-2', 'the key is gone when systemctl stop returns');
  hold((await on.told(since, 'shop-1')).length === 0, 'the service runs on');
  await on.systemctl('start', 'shop-presence@1');
  return on.become(...on.all);
};

const partnerKilled: Step = async (on) => {
  const before = on.deleted.length;
  const since = new Date();
  await on.systemctl('kill', '--signal', 'KILL', 'shop-presence@1');
  if (on.presence === 'container') {
    await on.host.engine.kill('shop-1-presence').catch(() => undefined);
  }
  const ms = await on.rig.time(
    async () => (await on.journal('shop-presence@1', since)).includes('registering in etcd'),
    'the partner to be there again',
    60_000,
  );
  hold((await on.told(since, 'shop-1')).length === 0, 'the service runs on');
  hold(on.deleted.length === before, 'its key stays');
  return ms;
};

const crash: Step = async (on) => {
  const before = on.deleted.length;
  await on.host.engine.kill('shop-1');
  await waitFor(() => on.deleted.length > before, { what: 'its key to be deleted', timeout: 60_000 });
  return on.become(...on.all);
};

/** All keys are deleted, and did not just run out. */
const everything = async (on: UnitsHost, end: () => Promise<unknown>): Promise<number> => {
  const before = on.deleted.length;
  await end();
  const gone = on.deleted.slice(before).toSorted();
  hold(gone.join() === on.all.join(), `all keys were deleted: ${gone}`);
  return on.become(...on.all);
};

const engineRestarted: Step = (on) => everything(on, () => on.systemctl('restart', 'docker'));
const reboot: Step = (on) => everything(on, () => on.host.reboot());

interface Told {
  readonly name: string;
  /** `orderly`: nothing is lost, whatever is under way. */
  readonly ends: 'orderly' | 'crash';
  readonly step: Step;
  readonly partner?: true;
}

const STEPS: readonly Told[] = [
  { name: 'restart', ends: 'orderly', step: restart },
  { name: 'stop and start', ends: 'orderly', step: stopAndStart },
  { name: 'the partner stopped and started', ends: 'orderly', step: partnerStopped, partner: true },
  { name: 'the partner killed (-9)', ends: 'orderly', step: partnerKilled, partner: true },
  { name: 'the service killed (-9)', ends: 'crash', step: crash },
  { name: 'Docker restarted', ends: 'orderly', step: engineRestarted },
  { name: 'reboot', ends: 'orderly', step: reboot },
];

async function life(presence: Presence): Promise<DrillResult> {
  await using on = await startUnitsHost(presence);
  const seen: string[] = [];
  let worst = 0;
  let since = 0;
  for (const { name, ends, step } of STEPS.filter(({ partner }) => !partner || presence !== 'exec')) {
    const ms = await step(on).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    });
    worst = Math.max(worst, ms);
    seen.push(`${name} ${Math.round(ms)} ms`);
    if (ends === 'crash') {
      seen.push(`(${on.asking.failed(since).length} requests failed with what crashed)`);
      since = performance.now();
    } else {
      noneLost(on.asking, since);
    }
  }
  return { ms: worst, seen: [noneLost(on.asking, since), ...seen].join(', ') };
}

const NAMES: Readonly<Record<Presence, string>> = {
  container: 'a service and its partner in a container',
  program: 'a service and its partner, a program of the host',
  exec: 'a service as the child of announce',
};

/** The units of a service on a real systemd. */
export const unitsDrills: readonly Drill[] = (['container', 'program', 'exec'] as const).map((presence) => ({
  name: `units on systemd: ${NAMES[presence]}; restarted, stopped, killed, Docker restarted, rebooted`,
  promise:
    'out of etcd before it is told to end, and back with it; 0 failed requests but with what crashed (the time is until it is registered again, the longest)',
  run: () => life(presence),
}));
