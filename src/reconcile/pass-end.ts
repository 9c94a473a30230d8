import type { Outcome } from '../events.ts';
import type { PauseWish } from '../ports/stores.ts';
import type { Drawn } from '../rollout/drawing.ts';
import type { Unsettled } from '../rollout/drift.ts';
import type { RollResult } from '../rollout/roll-result.ts';

/** How a pass ended, and in a line why it did not do more. */
export interface PassEnd {
  readonly outcome: Outcome;
  readonly error: string | null;
}

/** The end of a pass that touched nothing: a person has the wheel, or the file could not be put right. */
export function endOfHandsOff(paused: PauseWish | null, unsettled: Unsettled | null): PassEnd {
  if (!paused) {
    return { outcome: 'failed', error: unsettled?.message ?? null };
  }
  const until = new Date(paused.until).toISOString();
  return { outcome: 'paused', error: `paused until ${until} by ${paused.by}` };
}

/** The end of a pass by what came of its text. */
export function endOf(result: RollResult | Exclude<Drawn, { kind: 'text' }>): PassEnd {
  switch (result.kind) {
    case 'nothing':
      return { outcome: 'waiting', error: result.missing };
    case 'template-error':
      return { outcome: 'template-error', error: result.error.message };
    case 'refused':
      return { outcome: 'refused', error: result.output.split('\n')[0] ?? '' };
    case 'failed':
      return { outcome: 'failed', error: result.message };
    case 'published-waiting':
      return { outcome: 'published-waiting', error: result.cause };
    case 'reloaded':
    case 'runtime':
    case 'unverified':
    case 'published':
      return { outcome: result.kind, error: null };
  }
}
