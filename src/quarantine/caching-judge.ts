import { withMark } from '../plan/mark.ts';
import type { Judge, Verdict } from '../ports/judge.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';

/** A judge that remembers the text that a search accepted last, so that publishing it asks only once. */
export function cachingJudge({
  judge,
  target,
}: {
  readonly judge: Judge;
  readonly target: 'haproxy' | 'file';
}): Judge & QuarantineNeeds['judge'] {
  let accepted: { readonly fileText: string; readonly verdict: Verdict } | undefined;
  return {
    async checkRendered(text, signal) {
      const fileText = target === 'file' ? text : withMark(text);
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
