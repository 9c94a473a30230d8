import { pauseAfter } from '../ports/back-off.ts';
import type { HaproxyStart } from './haproxy-start.ts';

/**
 * What there is of a HAProxy that is ours:
 *
 *     idle --start(), reload()--> wanted
 *                                   |
 *              a master answers     |     none lives
 *            +----------------------+----------------------+
 *            v                                             v
 *         running <---------------- answers ------------ starting
 *            |                                             |
 *            +-------------------- ends -------------------+
 *                                   |
 *                                   v
 *                                pausing (100 ms .. 5 s), then as from wanted
 *
 *     stop(): stopped, from everywhere. Nothing is started any more.
 *
 * Never two: wherever one would be started, a master that answers is adopted instead.
 */
export type ManagedState =
  /** Nobody has asked for one yet. */
  | { readonly kind: 'idle' }
  /** One was asked for, and none is ours yet. */
  | { readonly kind: 'wanted' }
  /** Started here, and does not answer yet. */
  | (Life & { readonly kind: 'starting'; readonly start: HaproxyStart })
  /** It has answered: started here, or adopted from a Pointsman of before or a person. */
  | (Life & { readonly kind: 'running' })
  /** It ended, and is started again after a pause. `how` is a sentence. */
  | (Ends & { readonly kind: 'pausing'; readonly how: string; readonly firstLine: number })
  | { readonly kind: 'stopped' };

/** A HAProxy that is ours. */
export type Ours = Extract<ManagedState, Life>;

/** The time between the end of one and the next start. */
export type Pausing = Extract<ManagedState, { kind: 'pausing' }>;

/** How often in a row it ended before it had lived for a while. */
interface Ends {
  readonly ends: number;
}

interface Life extends Ends {
  /** The master's; undefined where the program could not be started. */
  readonly pid: number | undefined;
  /** When it became ours, in milliseconds of `Date.now()`. */
  readonly since: number;
  /** How many lines HAProxy had written by then. */
  readonly firstLine: number;
}

const PAUSES = { first: 100, longest: 5000 };
/** Milliseconds that it has to live for its end to count as the first. */
const STEADY = 10_000;

/** The master that is ours, null where none is. */
export function masterOf(state: ManagedState): number | null {
  return 'pid' in state ? (state.pid ?? null) : null;
}

/** How often one ended in a row until now. */
export function endsOf(state: ManagedState): number {
  return 'ends' in state ? state.ends : 0;
}

/** What follows the end of one. `how` is a sentence, `now` of `Date.now()`. */
export function afterEnd({ since, ends, firstLine }: Ours, how: string, now: number): Pausing {
  return { kind: 'pausing', how, firstLine, ends: now - since > STEADY ? 1 : ends + 1 };
}

/** Milliseconds before it is started again. */
export function pauseOf({ ends }: Ends): number {
  return pauseAfter(ends, PAUSES);
}
