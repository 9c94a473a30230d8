import { PointsmanError } from '../errors.ts';
import type { Applied, Emit } from '../events.ts';
import { excerpt } from '../plan/excerpt.ts';
import { hashText, splitMark, withMark } from '../plan/mark.ts';
import type { ConfigFile, HaproxyControl, HaproxyState, Judge } from './interfaces.ts';
import { Retry } from './pace.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What a rollout works with. */
export interface RolloutOptions {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  /** `file`: mode `none`, where the file is all there is: no mark, nobody to tell. */
  readonly target: 'haproxy' | 'file';
  readonly emit: Emit;
}

/** What is to be done for a text. */
export type Need =
  | { readonly kind: 'nothing' }
  /** The file is right; HAProxy does not run it (yet). */
  | { readonly kind: 'load'; readonly reasons: readonly string[] }
  | { readonly kind: 'publish'; readonly reasons: readonly string[] };

/** How a rollout ended. */
export type RollResult =
  | { readonly kind: 'reloaded' | 'unverified' | 'published' }
  | { readonly kind: 'published-waiting'; readonly cause: string }
  | { readonly kind: 'refused'; readonly output: string; readonly retryInMs: number }
  | { readonly kind: 'failed'; readonly message: string; readonly retryInMs: number };

/**
 * Takes a rendered text to the file and to HAProxy. Knows what is installed and what HAProxy was seen to run;
 * neither is assumed from the other.
 */
export class Rollout {
  readonly #options: RolloutOptions;
  readonly #retry = new Retry();
  /** The file as it lies there, with its mark. */
  #installed: string | null = null;
  /** A text that was refused or did not load, until its next try. */
  #shelved: { readonly hash: string; readonly until: number } | undefined;
  #applied: Applied = { kind: 'unknown' };

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** What HAProxy is known to run. */
  get applied(): Applied {
    return this.#applied;
  }

  /** The mark in the installed file, or null. */
  get installedMark(): string | null {
    return this.#installed === null ? null : splitMark(this.#installed).mark;
  }

  /** The installed text without its mark, or null. */
  get installedText(): string | null {
    return this.#installed === null ? null : splitMark(this.#installed).text;
  }

  /** Reads what is installed. */
  async open(): Promise<void> {
    this.#installed = await this.#options.file.read();
  }

  /** Takes note of what HAProxy says of itself. */
  observe(state: HaproxyState): void {
    if (this.#options.target === 'file') return;
    if (state.kind === 'away') {
      this.#applied = { kind: 'unknown' };
    } else if (state.verifiable) {
      const known = state.mark !== null && state.mark === this.installedMark;
      this.#applied = known ? { kind: 'verified', hash: state.mark } : { kind: 'unknown' };
    } else if (this.#applied.kind === 'unknown' && this.installedMark !== null) {
      this.#applied = { kind: 'unverified', hash: this.installedMark };
    }
  }

  /** Compares a text with the file and with what HAProxy runs. */
  need(text: string, state: HaproxyState): Need {
    if (this.#dress(text) !== this.#installed) {
      return {
        kind: 'publish',
        reasons: [this.#installed === null ? 'there is no file yet' : 'the text changed'],
      };
    }
    if (this.#options.target === 'file') return { kind: 'nothing' };
    if (state.kind === 'away') return { kind: 'load', reasons: [`HAProxy is away: ${state.cause}`] };
    if (!state.verifiable || state.mark === hashText(text)) return { kind: 'nothing' };
    const found = state.mark === null ? 'a configuration without our mark' : `the text ${state.mark}`;
    return { kind: 'load', reasons: [`HAProxy runs ${found}`] };
  }

  /** How long this text must still wait after it was refused or did not load; 0 where it need not. */
  shelvedFor(text: string): number {
    if (this.#shelved?.hash !== hashText(text)) return 0;
    return Math.max(0, this.#shelved.until - performance.now());
  }

  /** Validates, publishes, reloads and verifies, as one step. */
  async roll(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    const { judge, file, emit } = this.#options;
    const fileText = this.#dress(text);
    const hash = hashText(text);
    const verdict = await watch.time('check', () => judge.check(fileText, signal));
    if (verdict.kind === 'broken') {
      const retryInMs = this.#shelve(hash);
      emit({ kind: 'check-broken', message: verdict.message, retryInMs });
      return { kind: 'failed', message: verdict.message, retryInMs };
    }
    if (verdict.kind === 'refused') {
      const retryInMs = this.#shelve(hash);
      const { output, lines } = verdict;
      emit({ kind: 'check-refused', output, excerpt: excerpt(text, lines), hash });
      return { kind: 'refused', output, retryInMs };
    }
    if (verdict.warnings !== '') emit({ kind: 'check-warned', warnings: verdict.warnings });
    const before = this.#installed;
    try {
      await watch.time('publish', () => file.publish(fileText));
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      const retryInMs = this.#shelve(hash);
      const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
      emit({ kind: 'publish-failed', message, retryInMs });
      return { kind: 'failed', message, retryInMs };
    }
    this.#installed = fileText;
    emit({ kind: 'published', path: file.path, hash, bytes: Buffer.byteLength(fileText) });
    if (this.#options.target === 'file') {
      this.#applied = { kind: 'file', hash };
      await this.#succeeded(fileText);
      return { kind: 'published' };
    }
    return this.load(text, { watch, signal, before });
  }

  /** Has HAProxy load the installed file. If it does not, `before` is put back in the file's place. */
  async load(
    text: string,
    options: { readonly watch: Stopwatch; readonly signal: AbortSignal; readonly before: string | null },
  ): Promise<RollResult> {
    const { haproxy, emit } = this.#options;
    const hash = hashText(text);
    const outcome = await options.watch.time('reload', () => haproxy.reload(hash, options.signal));
    switch (outcome.kind) {
      case 'verified':
        this.#applied = { kind: 'verified', hash };
        await this.#succeeded(this.#dress(text));
        return { kind: 'reloaded' };
      case 'unverified':
        this.#applied = { kind: 'unverified', hash };
        await this.#succeeded(this.#dress(text));
        return { kind: 'unverified' };
      case 'away':
        this.#applied = { kind: 'unknown' };
        return { kind: 'published-waiting', cause: outcome.cause };
      case 'failed': {
        const retryInMs = this.#shelve(hash);
        const { message } = outcome;
        emit({ kind: 'reload-failed', message, failures: this.#retry.failures, retryInMs });
        await this.#putBack(options.before);
        return { kind: 'failed', message, retryInMs };
      }
    }
  }

  async #putBack(before: string | null): Promise<void> {
    if (before === null || before === this.#installed) return;
    const { file, emit } = this.#options;
    try {
      await file.publish(before);
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      emit({ kind: 'publish-failed', message: error.message, retryInMs: null });
      return;
    }
    this.#installed = before;
    emit({ kind: 'rolled-back', path: file.path, hash: hashText(splitMark(before).text) });
  }

  async #succeeded(fileText: string): Promise<void> {
    this.#retry.succeeded();
    this.#shelved = undefined;
    try {
      await this.#options.file.keep(fileText);
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      this.#options.emit({
        kind: 'notice',
        message: error.message,
        ...(error.hint ? { hint: error.hint } : {}),
      });
    }
  }

  #shelve(hash: string): number {
    if (this.#shelved && this.#shelved.hash !== hash) this.#retry.succeeded();
    const pause = this.#retry.failed();
    this.#shelved = { hash, until: performance.now() + pause };
    return pause;
  }

  #dress(text: string): string {
    return this.#options.target === 'file' ? text : withMark(text);
  }
}
