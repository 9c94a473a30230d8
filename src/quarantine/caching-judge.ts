import { withMark } from '../plan/mark.ts';
import type { Foreseen, Judge, Verdict } from '../ports/judge.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';

/** A judge that remembers the text that a search accepted last, so that publishing it asks only once. */
export function cachingJudge({
  judge,
  target,
  foreseen,
}: {
  readonly judge: Judge;
  readonly target: 'haproxy' | 'file';
  /** What is in the way of loading a text that the check cannot see. */
  readonly foreseen: (text: string, signal: AbortSignal) => Promise<Foreseen | null>;
}): Judge & QuarantineNeeds['judge'] {
  let accepted: { readonly fileText: string; readonly verdict: Verdict } | undefined;
  return {
    async checkRendered(text, signal) {
      const fileText = target === 'file' ? text : withMark(text);
      const found = await foreseen(text, signal);
      if (found && found.lines.length > 0) {
        return { kind: 'refused', by: 'preflight', ...found };
      }
      const verdict = await judge.check(fileText, signal);
      accepted = verdict.kind === 'accepted' ? { fileText, verdict } : accepted;
      return verdict;
    },
    async check(fileText, signal) {
      const known = accepted;
      accepted = undefined;
      return known?.fileText === fileText ? known.verdict : judge.check(fileText, signal);
    },
  };
}
