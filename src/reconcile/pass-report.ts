import type { Applied, Counts, Hashes, PassEvent } from '../events.ts';
import { hashText } from '../plan/mark.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { Need } from '../rollout/need.ts';
import type { Stopwatch } from '../rollout/stopwatch.ts';
import type { PassEnd } from './pass-end.ts';

/** What a pass found and did. */
export interface Report {
  readonly watch: Stopwatch;
  readonly why: ReadonlySet<string>;
  readonly need: Need | undefined;
  readonly end: PassEnd;
  readonly text: string | null;
}

/** A pass as an event. */
export function passEvent(
  { watch, why, need, end, text }: Report,
  state: {
    readonly served: { readonly counts: Counts; readonly hashes: Omit<Hashes, 'text'> };
    readonly drawing: Pick<Drawing, 'hash'>;
    readonly applied: Applied;
  },
): PassEvent {
  const { served, drawing, applied } = state;
  const hash = text === null ? null : hashText(text);
  const runs = applied.kind === 'unknown' ? null : applied.hash;
  return {
    kind: 'pass',
    outcome: end.outcome,
    triggers: [...why],
    reasons: need && need.kind !== 'nothing' ? need.reasons : [],
    ms: watch.ms,
    steps: watch.steps,
    counts: served.counts,
    hashes: { ...served.hashes, text: drawing.hash },
    applied,
    pending: hash === runs ? null : hash,
    error: end.error,
  };
}
