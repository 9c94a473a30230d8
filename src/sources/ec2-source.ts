import { PointsmanError } from '../errors.ts';
import { Tree } from '../model/tree.ts';
import { BackOff } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import { ec2Entries } from './ec2-entries.ts';
import { Ec2Error } from './ec2-error.ts';
import { listInstances } from './ec2-instances.ts';
import { type Ec2SourceOptions, ec2Name } from './ec2-options.ts';
import { eventsOf, type Push } from './events-of.ts';
import { stateTeller } from './state-teller.ts';

/** How much of an interval is up to chance, so that a fleet does not ask in step. */
const JITTER = 0.1;
/** The first pause after an error, which doubles up to the interval. */
const FIRST_PAUSE = 2_000;
/** While the quota is used up, pauses begin with the interval and grow up to this. */
const LONGEST_THROTTLED = 15 * 60_000;

/**
 * The instances of EC2 that run and fit the filters, as keys of services.
 *
 * They are asked for every `interval`. What cannot be asked keeps the last answer and is told as `stale`; an answer counts
 * only when all its pages are there.
 */
export function ec2Source(options: Ec2SourceOptions): Source {
  return {
    name: ec2Name(options),
    read: async (signal) => ec2Entries((await listInstances(options, signal)).values(), options),
    watch: (signal) => eventsOf<SourceEvent>(signal, (push, inner) => follow(options, push, inner)),
  };
}

async function follow(
  options: Ec2SourceOptions,
  push: Push<SourceEvent>,
  signal: AbortSignal,
): Promise<void> {
  const { interval, index } = options;
  const state = stateTeller(push, { index, name: ec2Name(options) });
  const failures = new BackOff({ first: Math.min(FIRST_PAUSE, interval), longest: interval, spread: 0.5 });
  const throttled = new BackOff({
    first: interval,
    longest: Math.max(interval, LONGEST_THROTTLED),
    spread: 0.25,
  });
  const tree = new Tree();
  let complete = false;
  while (!signal.aborted) {
    let pause = interval * (1 - JITTER + 2 * JITTER * Math.random());
    try {
      const entries = ec2Entries((await listInstances(options, signal)).values(), options);
      const changes = tree.changesTo(new Map(entries.map((entry) => [entry.key, entry])).values());
      tree.apply(changes);
      if (!complete) {
        complete = true;
        push({ kind: 'snapshot', entries, revision: 0n });
      } else if (changes.length > 0) {
        push({ kind: 'changes', changes, revision: 0n });
      }
      state.live();
      failures.succeeded();
      throttled.succeeded();
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      state.failed(error);
      pause =
        error instanceof Ec2Error && error.kind === 'throttled'
          ? Math.max(interval, throttled.failed())
          : failures.failed();
    }
    await rest(pause, signal);
  }
}
