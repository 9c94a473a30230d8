import { withMark } from '../plan/mark.ts';
import type { Judge, Verdict } from '../ports/judge.ts';

/** A judge that remembers the text that it accepted last for a search, so that publishing it asks only once. */
export class VouchingJudge implements Judge {
  readonly #options: { readonly judge: Judge; readonly target: 'haproxy' | 'file' };
  #vouched: { readonly fileText: string; readonly verdict: Verdict } | undefined;

  constructor(options: { readonly judge: Judge; readonly target: 'haproxy' | 'file' }) {
    this.#options = options;
  }

  /** Judges a rendered text as it would be published. */
  async vouch(text: string, signal: AbortSignal): Promise<Verdict> {
    const { judge, target } = this.#options;
    const fileText = target === 'file' ? text : withMark(text);
    const verdict = await judge.check(fileText, signal);
    if (verdict.kind === 'accepted') {
      this.#vouched = { fileText, verdict };
    }
    return verdict;
  }

  async check(fileText: string, signal: AbortSignal): Promise<Verdict> {
    const vouched = this.#vouched;
    this.#vouched = undefined;
    return vouched?.fileText === fileText ? vouched.verdict : this.#options.judge.check(fileText, signal);
  }
}
