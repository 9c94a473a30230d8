import { once } from 'node:events';
import { asError } from '../errors.ts';
import { clock, rest } from '../ports/clock.ts';
import type { ConfigWriter } from './config-writer.ts';
import { aheadSet, installedMark } from './current.ts';
import type { Following } from './current-state.ts';
import type { ConfigSet } from './facts.ts';
import { Stopwatch } from './stopwatch.ts';
import type { Troubles } from './troubles.ts';

/** A file that is so long behind what HAProxy runs is a fault, in milliseconds. */
export const AHEAD_FAULT_MS = 5000;

/**
 * Two records begin at least so far apart, in milliseconds: the first change of a burst is followed at once, those
 * after it together. A record costs more than all else of a change.
 */
export const RECORD_EVERY_MS = 1000;

/** After the signal a check that is under way may still end: the file should say what HAProxy runs. */
const GRACE_MS = 1000;

export interface CatchUpOptions extends Following {
  readonly writer: Pick<ConfigWriter, 'checkAndWrite'>;
  readonly troubles: Pick<Troubles, 'add' | 'forget'>;
  /** Gets what was accepted and is the file now. */
  readonly onRecorded: (set: ConfigSet) => void;
}

/**
 * Brings the file after what HAProxy was made to run: checks and publishes it beside the loop, so that the next
 * change need not wait. One set at a time; of those that come meanwhile the last one follows. What does not become
 * the file is among the troubles, and wakes the loop.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #job: Promise<void> | null = null;
  #current: ConfigSet | null = null;
  #next: ConfigSet | null = null;
  #since: number | null = null;
  #silence: () => void = () => {};
  readonly #end = new AbortController();
  #begun = Number.NEGATIVE_INFINITY;
  /** Aborted when somebody waits for the job to end: then nothing else is waited for. */
  #hurry = new AbortController();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** The set is to become the file. Returns at once. */
  record(set: ConfigSet): void {
    this.look();
    if (this.#current?.hash === set.hash) {
      this.#next = null;
    } else {
      this.#next = set;
      this.#job ??= this.#run();
    }
  }

  /** The hash of what the file will hold when nothing is on its way to it any more; null where nothing is. */
  get target(): string | null {
    return (this.#next ?? this.#current)?.hash ?? null;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    this.#hurry.abort();
    await this.#job;
  }

  /** Looks whether HAProxy is ahead of the file, and tells where that changed. */
  look(): void {
    const ahead = aheadSet(this.#options.current.now);
    if (ahead !== null && this.#since === null) {
      this.#isAheadSince(clock.now(), ahead.hash);
    } else if (ahead === null && this.#since !== null) {
      this.#silence();
      this.#options.emit({ kind: 'ahead-over', ms: Math.round(clock.now() - this.#since) });
      this.#since = null;
    }
  }

  /** Resolves once `signal` aborted and nothing is under way: what is may end for a moment. */
  async end(signal: AbortSignal): Promise<void> {
    await (signal.aborted || once(signal, 'abort'));
    const cancel = clock.after(GRACE_MS, () => this.#end.abort(new Error('the daemon ends')));
    await this.idle();
    cancel();
    this.#silence();
  }

  async #run(): Promise<void> {
    const { troubles, mailbox } = this.#options;
    let isTrouble = false;
    this.#hurry = new AbortController();
    // Not within the turn of the loop that asked for it.
    await Promise.resolve();
    try {
      for (let set = await this.#take(); set !== null; set = await this.#take()) {
        isTrouble = !(await this.#record(set));
      }
    } catch (error) {
      if (!this.#end.signal.aborted && this.#current !== null) {
        troubles.add(this.#current.hash, { kind: 'crashed', error: asError(error), judged: false });
        isTrouble = true;
      }
    } finally {
      this.#job = null;
      this.#current = null;
      this.#next = null;
    }
    if (isTrouble) {
      mailbox.post('what HAProxy runs did not become the file');
    }
  }

  /** What is next, when its record may begin; null where nothing is. */
  async #take(): Promise<ConfigSet | null> {
    const left = this.#begun + RECORD_EVERY_MS - clock.now();
    if (this.#next !== null && left > 0) {
      await rest(left, this.#hurry.signal);
    }
    this.#current = this.#next;
    this.#next = null;
    return this.#current;
  }

  /** True where it is the file now. */
  async #record(set: ConfigSet): Promise<boolean> {
    const { writer, emit, current, troubles, onRecorded } = this.#options;
    const watch = new Stopwatch();
    this.#begun = clock.now();
    const isInstalled = installedMark(current.now) === set.hash;
    const isDone = isInstalled || (await writer.checkAndWrite(set, { watch, signal: this.#end.signal }));
    this.look();
    if (!isDone) {
      return false;
    }
    troubles.forget(set.hash);
    // What is not in the file yet came after this record began.
    const ahead = aheadSet(current.now);
    if (ahead) {
      this.#isAheadSince(this.#begun, ahead.hash);
    }
    const { check = 0, publish } = watch.steps;
    if (publish !== undefined) {
      emit({ kind: 'recorded', steps: { check, publish } });
    }
    onRecorded(set);
    return true;
  }

  #isAheadSince(since: number, hash: string): void {
    this.#silence();
    this.#since = since;
    const { emit, current } = this.#options;
    const tell = () => {
      if (aheadSet(current.now) !== null) {
        emit({ kind: 'ahead-too-long', ms: Math.round(clock.now() - since) });
      }
    };
    this.#silence = clock.after(since + AHEAD_FAULT_MS - clock.now(), tell, 'lazy');
    emit({ kind: 'ahead', hash });
  }
}
