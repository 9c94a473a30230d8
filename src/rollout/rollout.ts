import { PointsmanError } from '../errors.ts';
import type { Applied, Emit } from '../events.ts';
import { hashText, splitMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { HaproxyControl, HaproxyState } from '../ports/haproxy.ts';
import type { Judge, Preflight } from '../ports/judge.ts';
import type { PendingNote } from '../ports/stores.ts';
import { type Need, type NeedFacts, needOf, needOfInstalled } from './need.ts';
import { PendingLoad } from './pending-load.ts';
import { Publisher } from './publisher.ts';
import type { RollResult } from './roll-result.ts';
import { Shelved } from './shelved.ts';
import type { Stopwatch } from './stopwatch.ts';
import { WorkerTrust } from './worker-trust.ts';

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
  readonly #publisher: Publisher;
  /** The file as it lies there, with its mark. */
  #installed: string | null = null;
  /** What it holds; no mark where its text does not fit it (any more). */
  #holds: { readonly text: string; readonly mark: string | null } | null = null;
  #applied: Applied = { kind: 'unknown' };
  /** HAProxy's worker. */
  #pid: number | null = null;
  /** The text that HAProxy was seen to run; ahead of the file for as long as a check takes. */
  #running: { readonly text: string; readonly hash: string } | null = null;
  /** The Runtime API made HAProxy run it. */
  #ranAhead: string | null = null;

  constructor(options: RolloutOptions) {
    this.#options = options;
    this.#publisher = new Publisher({ ...options, shelved: this.#shelved });
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

  /** The PID of HAProxy's worker, null where that is not known. */
  get worker(): number | null {
    return this.#pid;
  }

  /** The text that HAProxy was seen to run, null where that is not known. */
  get running(): string | null {
    return this.#applied.kind === 'verified' ? (this.#running?.text ?? null) : null;
  }

  /** What changes at run time made HAProxy run, while the file does not hold it yet; else null. */
  get ahead(): { readonly text: string; readonly hash: string } | null {
    const running = this.#running;
    const isAhead =
      running !== null && running.text === this.#ranAhead && running.text !== this.installedText;
    return isAhead ? running : null;
  }

  /** The mark that HAProxy should have: the file's, or that of the text which it is ahead with. */
  get expectedMark(): string | null {
    return this.ahead?.hash ?? this.installedMark;
  }

  /** The Runtime API made this the text that HAProxy runs. */
  ranAhead(text: string): void {
    this.#ranAhead = text;
    this.#runs(text);
  }

  #runs(text: string): void {
    const hash = hashText(text);
    this.#running = { text, hash };
    this.#applied = { kind: 'verified', hash };
  }

  /** Reads what is installed. */
  async open(): Promise<void> {
    this.installedFile = await this.#options.file.read();
    await this.#pending.open();
  }

  /** Takes note of what HAProxy says of itself. */
  observe(state: HaproxyState): void {
    if (this.#options.target === 'file') {
      return;
    }
    this.#pid = state.kind === 'away' ? null : (state.pid ?? null);
    if (state.kind === 'away') {
      this.#applied = { kind: 'unknown' };
    } else if (state.kind === 'running') {
      if (state.mark === null || state.mark !== this.#running?.hash) {
        const text = state.mark !== null && state.mark === this.installedMark ? this.installedText : null;
        this.#running = text === null || state.mark === null ? null : { text, hash: state.mark };
      }
      if (this.#running !== null) {
        this.trust.saw(state.pid);
      }
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

  /** Compares a text with the file and with what HAProxy runs. */
  need(text: string, state: HaproxyState): Need {
    return needOf(text, state, this.#facts(this.#isInstalled(text)));
  }

  /** What the installed text needs where no newer one can take its place; `away` is waited out. */
  needOfInstalled(state: HaproxyState): Need {
    return needOfInstalled(state, this.#facts(true));
  }

  #isInstalled(text: string): boolean {
    if (this.#options.target === 'file') {
      return text === this.#installed;
    }
    return text === this.installedText && this.installedMark !== null;
  }

  #facts(isInstalled: boolean): NeedFacts {
    return {
      target: this.#options.target,
      isInstalled,
      hasFile: this.#installed !== null,
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
      (await this.#publisher.judge(text, watch, signal)) ??
      (await this.#findTrouble(text, signal)) ??
      (await this.#publish(text, watch));
    if (trouble) {
      return trouble;
    }
    if (this.#options.target === 'haproxy') {
      return this.load(text, { watch, signal, before });
    }
    this.#applied = { kind: 'file', hash: hashText(text) };
    await this.#succeeded(text);
    return { kind: 'published' };
  }

  /** Validates and publishes a text that HAProxy was made to run already; it may run a newer one by the end. */
  async record(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    if (this.#isInstalled(text)) {
      return { kind: 'runtime' };
    }
    const trouble =
      (await this.#publisher.judge(text, watch, signal)) ?? (await this.#publisher.publish(text, watch));
    if (trouble) {
      return trouble;
    }
    this.#holdsNow(text);
    await this.#succeeded(text);
    return { kind: 'runtime' };
  }

  /** Null where it is the file now, and HAProxy is still to be told. */
  async #publish(text: string, watch: Stopwatch): Promise<RollResult | null> {
    await this.#pending.set(hashText(text));
    const trouble = await this.#publisher.publish(text, watch);
    if (trouble === null) {
      this.#holdsNow(text);
    }
    return trouble;
  }

  #holdsNow(text: string): void {
    this.installedFile = this.#publisher.dress(text);
    this.trust.fileRestored();
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
        this.#runs(text);
        this.trust.made(outcome.pid);
        await this.#succeeded(text);
        return { kind: 'reloaded' };
      case 'unverified':
        this.#applied = { kind: 'unverified', hash };
        await this.#succeeded(text);
        return { kind: 'unverified' };
      case 'away':
        this.#applied = { kind: 'unknown' };
        return { kind: 'published-waiting', cause: outcome.cause };
      case 'failed': {
        const retryInMs = this.#shelved.failed(hash);
        const { message } = outcome;
        emit({ kind: 'reload-failed', message, failures: this.#shelved.failures, retryInMs });
        await this.#putBack(options.before);
        if (this.installedMark !== hash) {
          await this.#pending.set(null);
        }
        return { kind: 'failed', message, retryInMs };
      }
    }
  }

  /** Null where nothing is in the way of a reload. */
  async #findTrouble(text: string, signal: AbortSignal): Promise<RollResult | null> {
    const { preflight, target, emit } = this.#options;
    if (!preflight || target === 'file') {
      return null;
    }
    const message = await preflight.check(text, { text: this.running, pid: this.#pid }, signal);
    if (message === null) {
      return null;
    }
    const retryInMs = this.#shelved.failed(hashText(text));
    emit({ kind: 'preflight-failed', message, retryInMs });
    return { kind: 'failed', message, retryInMs };
  }

  async #putBack(before: string | null): Promise<void> {
    if (before === null || before === this.#installed) {
      return;
    }
    const { file, emit } = this.#options;
    try {
      await file.publish(before);
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      emit({ kind: 'publish-failed', message: error.message, retryInMs: null });
      return;
    }
    this.installedFile = before;
    emit({ kind: 'rolled-back', path: file.path, hash: hashText(splitMark(before).text) });
  }

  async #succeeded(text: string): Promise<void> {
    this.#shelved.succeeded();
    await this.#pending.set(null);
    await this.#publisher.keep(text);
  }
}
