import { clock, rest } from '../ports/clock.ts';
import type { Serial } from '../ports/serial.ts';
import type { ConfigWriter } from './config-writer.ts';
import { aheadSet, type Following } from './current.ts';
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
  readonly writer: Pick<ConfigWriter, 'check' | 'publish' | 'accepted'>;
  readonly troubles: Pick<Troubles, 'add' | 'forget'>;
  /** Where those who write the file or tell HAProxy something take turns. */
  readonly queue: Pick<Serial, 'run'>;
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
  /** How many wait for it to be idle: then nothing else is waited for. */
  #hurries = 0;
  #hurry = new AbortController();
  /** What became the file and was not told yet, and what wakes whoever is told. */
  #recorded: ConfigSet[] = [];
  #wake: () => void = () => {};

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** The set is to become the file. Returns at once. */
  record(set: ConfigSet): void {
    this.look();
    if (this.#job && this.#current?.hash === set.hash) {
      this.#next = null;
    } else {
      this.#next = set;
      this.#job ??= this.#run();
    }
  }

  /** The hash of what the file will hold when nothing is on its way to it any more; null where nothing is. */
  get target(): string | null {
    return this.#job ? ((this.#next ?? this.#current)?.hash ?? null) : null;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    this.#hurries += 1;
    this.#hurry.abort();
    await this.#job;
    this.#hurries -= 1;
  }

  /** Looks whether HAProxy is ahead of the file, and tells where that changed. */
  look(): void {
    const ahead = aheadSet(this.#options.current.now);
    if (ahead !== null && this.#since === null) {
      this.#isAheadSince(clock.now(), ahead.hash);
    } else if (ahead === null && this.#since !== null) {
      this.#silence();
      const ms = clock.now() - this.#since;
      this.#since = null;
      this.#options.emit({ kind: 'ahead-over', ms: Math.round(ms) });
    }
  }

  /** Gives what was accepted and is the file now, until `signal` aborts; what is under way then may end for a moment. */
  async *recorded(signal: AbortSignal): AsyncGenerator<ConfigSet, void, void> {
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        yield* this.#recorded.splice(0);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (signal.aborted || this.#recorded.length > 0) {
            resolve();
          }
        });
      }
      const cancel = clock.after(GRACE_MS, () => this.#end.abort(new Error('the daemon ends')));
      await this.idle();
      cancel();
      yield* this.#recorded.splice(0);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#silence();
    }
  }

  async #run(): Promise<void> {
    const { troubles, mailbox } = this.#options;
    let isTrouble = false;
    // Not within the turn of the loop that asked for it.
    await Promise.resolve();
    try {
      while (this.#next !== null) {
        await this.#untilDue();
        const set: ConfigSet | null = this.#next;
        if (set === null) {
          break;
        }
        this.#begun = clock.now();
        this.#current = set;
        this.#next = null;
        isTrouble = !(await this.#record(set));
      }
    } catch (error) {
      if (!this.#end.signal.aborted && this.#current !== null) {
        troubles.add(this.#current.hash, { kind: 'crashed', error, judged: false });
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

  /** True where it is the file now. */
  async #record(set: ConfigSet): Promise<boolean> {
    const { emit, current, troubles } = this.#options;
    const watch = new Stopwatch();
    const isDone = this.#isInstalled(set) || (await this.#write(set, watch));
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
    this.#recorded.push(set);
    this.#wake();
    return true;
  }

  /** The check is beside the queue: changes at run time do not wait for it. */
  async #write(set: ConfigSet, watch: Stopwatch): Promise<boolean> {
    const { writer, queue } = this.#options;
    const isPublished =
      (await writer.check(set, { watch, signal: this.#end.signal })) &&
      (await queue.run(() => writer.publish(set, watch)));
    if (isPublished) {
      await writer.accepted(set);
    }
    return isPublished;
  }

  #isInstalled({ hash }: ConfigSet): boolean {
    const { installed } = this.#options.current.now;
    return installed?.isOurs === true && installed.hash === hash;
  }

  /** Until the next record may begin, or somebody waits for it. */
  async #untilDue(): Promise<void> {
    const left = this.#begun + RECORD_EVERY_MS - clock.now();
    if (left > 0 && this.#hurries === 0) {
      this.#hurry = new AbortController();
      await rest(left, this.#hurry.signal);
    }
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
