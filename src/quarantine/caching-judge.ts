import { withMark } from '../plan/mark.ts';
import type { Judge, Verdict } from '../ports/judge.ts';

/** A judge that remembers the text that a search accepted last, so that publishing it asks only once. */
export class CachingJudge implements Judge {
  readonly #options: { readonly judge: Judge; readonly target: 'haproxy' | 'file' };
  #accepted: { readonly fileText: string; readonly verdict: Verdict } | undefined;

  constructor(options: { readonly judge: Judge; readonly target: 'haproxy' | 'file' }) {
    this.#options = options;
  }

  /** Judges a rendered text as it would be published. */
  async checkRendered(text: string, signal: AbortSignal): Promise<Verdict> {
    const { judge, target } = this.#options;
    const fileText = target === 'file' ? text : withMark(text);
    const verdict = await judge.check(fileText, signal);
    if (verdict.kind === 'accepted') {
      this.#accepted = { fileText, verdict };
    }
    return verdict;
  }

  async check(fileText: string, signal: AbortSignal): Promise<Verdict> {
    const accepted = this.#accepted;
    this.#accepted = undefined;
    return accepted?.fileText === fileText ? accepted.verdict : this.#options.judge.check(fileText, signal);
  }
}
