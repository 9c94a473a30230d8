import { asError, PointsmanError } from '../errors.ts';
import type { Outcome } from '../events.ts';
import { shorten } from '../model/shorten.ts';
import type { Action } from './decide.ts';
import type { Facts } from './facts.ts';

/** How a pass ended, and in a line why it did not do more. */
export interface PassEnd {
  readonly kind: 'over';
  readonly outcome: Outcome;
  readonly error: string | null;
  /** What is desired was accepted. */
  readonly isGood: boolean;
  /** Milliseconds until the next one, where nothing wakes the loop before; Infinity for none. */
  readonly retryInMs: number;
}

/** The end of a pass that waits for something to happen, or touches nothing: a person has the wheel, or the file is stuck. */
export function endOfIdle(
  action: Extract<Action, { kind: 'wait' | 'handsOff' }>,
  { desired, trouble }: Facts,
): PassEnd {
  if (action.kind === 'handsOff') {
    const { why } = action;
    return why.kind === 'stuck'
      ? over('failed', why.message, why.retryInMs)
      : over('paused', `paused until ${new Date(why.until).toISOString()} by ${why.by}`);
  }
  const { ms } = action;
  if (desired.kind === 'nothing') {
    return over('waiting', desired.missing, ms);
  }
  if (desired.kind === 'template-error') {
    return over('template-error', desired.error.message, ms);
  }
  switch (trouble?.kind) {
    case undefined:
      return over('unchanged', null, ms);
    case 'refused':
      return over('refused', trouble.output.split('\n')[0] ?? '', ms);
    case 'failed':
      return over('failed', trouble.message, ms);
    case 'crashed':
      return endOfCrash(trouble.error, ms);
    default:
      return trouble satisfies never;
  }
}

/** The end of a pass that threw. */
export function endOfCrash(thrown: unknown, retryInMs: number): PassEnd {
  const error = asError(thrown);
  const words = error instanceof PointsmanError ? error.message : `a bug: ${shorten(String(error), 500)}`;
  return over('failed', words, retryInMs);
}

/** The end of a pass that did it, or found it done. */
export function done(outcome: Outcome, isGood = true): PassEnd {
  return { ...over(outcome, null), isGood };
}

function over(outcome: Outcome, error: string | null, retryInMs = Number.POSITIVE_INFINITY): PassEnd {
  return { kind: 'over', outcome, error, isGood: false, retryInMs };
}
