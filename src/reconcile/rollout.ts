import { PointsmanError } from '../errors.ts';
import type { Applied, Emit } from '../events.ts';
import { excerpt } from '../plan/excerpt.ts';
import { hashText, splitMark, withMark } from '../plan/mark.ts';
import type {
  ConfigFile,
  HaproxyControl,
  HaproxyState,
  Judge,
  PendingNote,
  Preflight,
} from './interfaces.ts';
import { type Need, type NeedFacts, needOf, needOfInstalled } from './need.ts';
import { PendingLoad } from './pending-load.ts';
import type { RollResult } from './roll-result.ts';
import { Shelved } from './shelved.ts';
import type { Stopwatch } from './stopwatch.ts';
import { WorkerTrust } from './worker-trust.ts';

/** What a rollout works with. */
export interface RolloutOptions {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  /** `file`: mode `none`, where the file is all there is: no mark, nobody to tell. */
  readonly target: 'haproxy' | 'file';
  readonly preflight?: Preflight;
  readonly pending?: PendingNote;
  readonly emit: Emit;
}

/**
 * Takes a rendered text to the file and to HAProxy. Knows what is installed and what HAProxy was seen to run;
 * neither is assumed from the other.
 */
export class Rollout {
  readonly #options: RolloutOptions;
  readonly #shelved = new Shelved();
  /** Which of HAProxy's workers run our file. */
  readonly trust = new WorkerTrust();
  readonly #pending: PendingLoad;
  /** The file as it lies there, with its mark. */
  #installed: string | null = null;
  /** What it holds; no mark where its text does not fit it (any more). */
  #holds: { readonly text: string; readonly mark: string | null } | null = null;
  #applied: Applied = { kind: 'unknown' };
  /** HAProxy's worker. */
  #pid: number | null = null;
  /** The text that HAProxy was seen to run; ahead of the file for as long as a check takes. */
  #running: string | null = null;

  constructor(options: RolloutOptions) {
    this.#options = options;
    this.#pending = new PendingLoad(options.target === 'file' ? undefined : options.pending, options.emit);
  }

  /** What HAProxy is known to run. */
  get applied(): Applied {
    return this.#applied;
  }

  get target(): 'haproxy' | 'file' {
    return this.#options.target;
  }

  /** The file as it lies there, or null. */
  get installedFile(): string | null {
    return this.#installed;
  }

  /** The file lies there with this text now, whoever wrote it. */
  set installedFile(fileText: string | null) {
    this.#installed = fileText;
    const found = fileText === null ? null : splitMark(fileText);
    this.#holds = found && { ...found, mark: found.mark === hashText(found.text) ? found.mark : null };
  }

  /** The mark of the installed file; null where there is none, or its text was edited since. */
  get installedMark(): string | null {
    return this.#holds?.mark ?? null;
  }

  /** The installed text without its mark, or null. */
  get installedText(): string | null {
    return this.#holds?.text ?? null;
  }

  /** The text that HAProxy was seen to run, null where that is not known. */
  get running(): string | null {
    return this.#applied.kind === 'verified' ? this.#running : null;
  }

  /** The Runtime API made this the text that HAProxy runs. */
  ranAhead(text: string): void {
    this.#running = text;
    this.#applied = { kind: 'verified', hash: hashText(text) };
  }

  /** Reads what is installed. */
  async open(): Promise<void> {
    this.installedFile = await this.#options.file.read();
    await this.#pending.open();
  }

  /** Takes note of what HAProxy says of itself. */
  observe(state: HaproxyState): void {
    if (this.#options.target === 'file') return;
    this.#pid = state.kind === 'running' ? state.pid : null;
    if (state.kind === 'away') {
      this.#applied = { kind: 'unknown' };
    } else if (state.verifiable) {
      if (state.mark === null || state.mark !== this.#hashOfRunning) {
        this.#running = state.mark !== null && state.mark === this.installedMark ? this.installedText : null;
      }
      if (this.#running !== null) this.trust.saw(state.pid);
      const known = this.#running !== null && state.mark !== null && this.trust.trusts(state.pid);
      this.#applied = known ? { kind: 'verified', hash: state.mark } : { kind: 'unknown' };
    } else if (
      this.#applied.kind === 'unknown' &&
      this.installedMark !== null &&
      !this.#pending.is(this.installedMark)
    ) {
      this.#applied = { kind: 'unverified', hash: this.installedMark };
    }
  }

  get #hashOfRunning(): string | null {
    return this.#running === null ? null : hashText(this.#running);
  }

  /** Compares a text with the file and with what HAProxy runs. */
  need(text: string, state: HaproxyState): Need {
    return needOf(text, state, this.#facts(this.#dress(text)));
  }

  /** What the installed text needs where no newer one can take its place; `away` is waited out. */
  needOfInstalled(state: HaproxyState): Need {
    return needOfInstalled(state, this.#facts(this.#installed));
  }

  #facts(dressed: string | null): NeedFacts {
    return {
      target: this.#options.target,
      dressed,
      installed: this.#installed,
      installedMark: this.installedMark,
      doubt: (pid) => this.trust.doubt(pid),
      pending: this.#pending.is(this.installedMark),
    };
  }

  /** How long this text must still wait after it was refused or did not load; 0 where it need not. */
  shelvedFor(text: string): number {
    return this.#shelved.waitOf(hashText(text));
  }

  /** Validates, publishes, reloads and verifies, as one step. */
  async roll(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    const before = this.#installed;
    const trouble =
      (await this.#judge(text, watch, signal)) ??
      (await this.#findTrouble(text, signal)) ??
      (await this.#publish(text, watch));
    if (trouble) return trouble;
    if (this.#options.target === 'haproxy') return this.load(text, { watch, signal, before });
    this.#applied = { kind: 'file', hash: hashText(text) };
    await this.#succeeded(this.#dress(text));
    return { kind: 'published' };
  }

  /** Validates and publishes a text that HAProxy runs already. */
  async record(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    const trouble = (await this.#judge(text, watch, signal)) ?? (await this.#publish(text, watch));
    if (trouble) return trouble;
    this.ranAhead(text);
    await this.#succeeded(this.#dress(text));
    return { kind: 'runtime' };
  }

  /** Null where HAProxy accepts it. */
  async #judge(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult | null> {
    const { judge, emit } = this.#options;
    const fileText = this.#dress(text);
    const hash = hashText(text);
    const verdict = await watch.time('check', () => judge.check(fileText, signal));
    if (verdict.kind === 'broken') {
      const retryInMs = this.#shelved.failed(hash);
      emit({ kind: 'check-broken', message: verdict.message, retryInMs });
      return { kind: 'failed', message: verdict.message, retryInMs };
    }
    if (verdict.kind === 'refused') {
      const retryInMs = this.#shelved.failed(hash);
      const { output, lines } = verdict;
      emit({ kind: 'check-refused', output, excerpt: excerpt(text, lines), hash });
      return { kind: 'refused', output, lines, retryInMs };
    }
    if (verdict.warnings !== '') emit({ kind: 'check-warned', warnings: verdict.warnings });
    return null;
  }

  /** Null where it is the file now. */
  async #publish(text: string, watch: Stopwatch): Promise<RollResult | null> {
    const { file, emit } = this.#options;
    const fileText = this.#dress(text);
    const hash = hashText(text);
    try {
      await this.#pending.set(hash);
      await watch.time('publish', () => file.publish(fileText));
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      const retryInMs = this.#shelved.failed(hash);
      const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
      emit({ kind: 'publish-failed', message, retryInMs });
      return { kind: 'failed', message, retryInMs };
    }
    this.installedFile = fileText;
    this.trust.fileRestored();
    emit({ kind: 'published', path: file.path, hash, bytes: Buffer.byteLength(fileText) });
    return null;
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
        this.ranAhead(text);
        this.trust.made(outcome.pid);
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
        const retryInMs = this.#shelved.failed(hash);
        const { message } = outcome;
        emit({ kind: 'reload-failed', message, failures: this.#shelved.failures, retryInMs });
        await this.#putBack(options.before);
        if (this.installedMark !== hash) await this.#pending.set(null);
        return { kind: 'failed', message, retryInMs };
      }
    }
  }

  /** Null where nothing is in the way of a reload. */
  async #findTrouble(text: string, signal: AbortSignal): Promise<RollResult | null> {
    const { preflight, target, emit } = this.#options;
    if (!preflight || target === 'file') return null;
    const message = await preflight.check(text, { text: this.running, pid: this.#pid }, signal);
    if (message === null) return null;
    const retryInMs = this.#shelved.failed(hashText(text));
    emit({ kind: 'preflight-failed', message, retryInMs });
    return { kind: 'failed', message, retryInMs };
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
    this.installedFile = before;
    emit({ kind: 'rolled-back', path: file.path, hash: hashText(splitMark(before).text) });
  }

  async #succeeded(fileText: string): Promise<void> {
    this.#shelved.succeeded();
    await this.#pending.set(null);
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

  #dress(text: string): string {
    return this.#options.target === 'file' ? text : withMark(text);
  }
}
