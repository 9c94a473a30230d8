import { setTimeout as sleep } from 'node:timers/promises';
import { showProc, waitFor } from '../support/haproxy.ts';
import { disagreements } from './agreement.ts';
import { churn } from './churn.ts';
import { doFaults } from './faults.ts';
import { Gauge, type Growth, judgeGrowth } from './growth.ts';
import { Random } from './random.ts';
import { Story } from './story.ts';
import type { Failure } from './traffic.ts';
import { startWorld, type World } from './world.ts';

/** How long, and what chance is to do. */
export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
}

/** What came of a soak. */
export interface SoakResult {
  readonly seed: number;
  readonly seconds: number;
  readonly answered: number;
  readonly failures: readonly Failure[];
  /** Failed requests that an instance which died under them accounts for. */
  readonly forgiven: readonly Failure[];
  /** Milliseconds. */
  readonly slowest: number;
  readonly changes: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Passes of Pointsman by how they ended. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly reloads: number;
  readonly failedReloads: number;
  readonly growth: Growth | null;
  /** Every promise that was broken; empty where all were kept. */
  readonly problems: readonly string[];
  /** The log of the Pointsman that ran last. */
  readonly log: string;
}

const OLD_WORKERS = 15_000;

/** Chance does its worst for some minutes; then it is quiet, and everything has to agree. */
export async function soak({ seed, minutes }: SoakOptions): Promise<SoakResult> {
  const story = new Story();
  await using world = await startWorld({ story, random: new Random(seed) });
  await using gauge = new Gauge(world);
  const end = AbortSignal.timeout(minutes * 60_000);
  // The life from the last kill on is measured; a short one would tell nothing anyway.
  const killsUntil = story.now + minutes * (minutes < 2 ? 45 : 20);
  await Promise.all([churn(world, end), doFaults(world, { killsUntil, signal: end })]);
  await world.fleet.left();
  for (const one of await disagreements(world)) {
    story.problem(`in the end: ${one}`);
  }
  await sleep(4000);
  const growth = gauge.growth();
  await world.traffic[Symbol.asyncDispose]();
  await noOldWorkers(world);
  // A reload may still be on its way: the master answers nobody meanwhile.
  const { reloads, failed } = await waitFor(() => showProc(world.site.masterSocket).catch(() => null), {
    what: "HAProxy's master",
  });
  const { traffic } = world;
  const faults = new Map<string, number>();
  for (const { what } of story.faults) {
    faults.set(what, (faults.get(what) ?? 0) + 1);
  }
  const failures = traffic.failures.map(
    ({ sent, failed: at, service, connection, what, faults: on }) =>
      `a request to ${service} failed (${connection}, sent at ${sent.toFixed(2)} s, over at ${at.toFixed(2)} s): ${what}; faults on: ${on.join(', ') || 'none'}`,
  );
  const grown = growth === null ? ['Pointsman could not be measured'] : judgeGrowth(growth);
  return {
    ...{ seed, seconds: story.now, answered: traffic.answered, failures: traffic.failures },
    ...{ forgiven: traffic.forgiven, slowest: traffic.slowest, changes: story.changes, faults },
    ...{ outcomes: gauge.outcomes, reloads, failedReloads: failed, growth },
    problems: [...failures, ...story.problems, ...grown],
    log: world.daemon.output(),
  };
}

async function noOldWorkers({ outlook, story }: World): Promise<void> {
  if (await outlook.until(({ oldWorkers }) => oldWorkers === 0, OLD_WORKERS)) {
    return;
  }
  const view = await outlook.look();
  story.problem(`${view?.oldWorkers ?? 'unknown'} old workers are left though no request is under way`);
}
