import { asError, PointsmanError } from '../errors.ts';
import { shorten } from '../model/shorten.ts';
import type { Action } from '../rollout/decide.ts';
import type { Result } from '../rollout/executor.ts';
import type { Facts, Trouble } from '../rollout/facts.ts';

/** How a pass ended, and in a line why it did not do more. */
export type PassEnd = Extract<Result, { kind: 'over' }>;

/** The end of a pass that waits for something to happen. */
export function endOfWait({ desired, trouble }: Facts): PassEnd {
  switch (desired.kind) {
    case 'nothing':
      return over('waiting', desired.missing);
    case 'template-error':
      return over('template-error', desired.error.message);
    case 'set':
      return trouble === null ? over('unchanged', null) : endOfTrouble(trouble);
    default:
      return desired satisfies never;
  }
}

function endOfTrouble(trouble: Trouble): PassEnd {
  switch (trouble.kind) {
    case 'refused':
      return over('refused', trouble.output.split('\n')[0] ?? '');
    case 'failed':
      return over('failed', trouble.message);
    case 'crashed':
      return endOfCrash(trouble.error);
    default:
      return trouble satisfies never;
  }
}

/** The end of a pass that touched nothing: a person has the wheel, or the file could not be put right. */
export function endOfHandsOff({ why }: Extract<Action, { kind: 'handsOff' }>): PassEnd {
  if (why.kind === 'stuck') {
    return over('failed', why.message);
  }
  return over('paused', `paused until ${new Date(why.until).toISOString()} by ${why.by}`);
}

/** The end of a pass that threw. */
export function endOfCrash(thrown: unknown): PassEnd {
  const error = asError(thrown);
  const words = error instanceof PointsmanError ? error.message : `a bug: ${shorten(String(error), 500)}`;
  return over('failed', words);
}

function over(outcome: PassEnd['outcome'], error: string | null): PassEnd {
  return { kind: 'over', outcome, error, isGood: false };
}
