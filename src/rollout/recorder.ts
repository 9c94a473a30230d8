import type { Emit } from '../events.ts';
import { clock } from '../ports/clock.ts';
import type { Mailbox } from '../reconcile/mailbox.ts';
import type { RollResult } from './roll-result.ts';
import type { Rollout } from './rollout.ts';
import { Stopwatch } from './stopwatch.ts';

/** A file that is so long behind what HAProxy runs is a fault, in milliseconds. */
export const AHEAD_FAULT_MS = 5000;

/**
 * Two records begin at least so far apart, in milliseconds: the first change of a burst is followed at once, those
 * after it together. A record costs more than all else of a change.
 */
export const RECORD_EVERY_MS = 1000;

/** After the signal a check that is under way may still end: the file should say what HAProxy runs. */
const GRACE_MS = 1000;

export interface RecorderOptions {
  readonly rollout: Pick<Rollout, 'record' | 'ahead'>;
  readonly mailbox: Mailbox;
  readonly emit: Emit;
  /** This text was accepted, and is the file now. */
  readonly onRecorded: (text: string) => void;
}

/** A text that HAProxy runs, and that did not become the file. */
export interface Unrecorded {
  readonly text: string;
  readonly result:
    | Extract<RollResult, { kind: 'refused' | 'failed' }>
    /** It threw what is a bug. */
    | { readonly kind: 'crashed'; readonly error: unknown };
}

/**
 * Brings the file after what HAProxy was made to run: checks and publishes it beside the loop, so that the next
 * change need not wait. One text at a time; of those that come meanwhile the last one follows. Whoever else wants
 * to write the file, or have HAProxy load it, waits for `idle` first.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #job: Promise<void> | null = null;
  #current: string | null = null;
  #next: string | null = null;
  #trouble: Unrecorded | null = null;
  #since: number | null = null;
  #silence: () => void = () => {};
  readonly #end = new AbortController();
  #begun = Number.NEGATIVE_INFINITY;
  /** How many wait for it to be idle: then nothing else is waited for. */
  #hurries = 0;
  #hurry: () => void = () => {};

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The text is to become the file. Returns at once. */
  record(text: string): void {
    this.look();
    if (this.#job && this.#current === text) {
      this.#next = null;
    } else {
      this.#next = text;
      this.#job ??= this.#run();
    }
  }

  /** A text is on its way to the file. */
  get isBusy(): boolean {
    return this.#job !== null;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    this.#hurries += 1;
    this.#hurry();
    await this.#job;
    this.#hurries -= 1;
  }

  /** Why this text did not become the file, once. What is known of another text is out of date. */
  take(text: string): Unrecorded['result'] | null {
    const trouble = this.#trouble;
    this.#trouble = null;
    return trouble?.text === text ? trouble.result : null;
  }

  /** Looks whether HAProxy is ahead of the file, and tells where that changed. */
  look(): void {
    const { rollout, emit } = this.#options;
    const { ahead } = rollout;
    if (ahead !== null && this.#since === null) {
      this.#isAheadSince(clock.now(), ahead.hash);
    } else if (ahead === null && this.#since !== null) {
      this.#silence();
      const ms = clock.now() - this.#since;
      this.#since = null;
      emit({ kind: 'ahead-over', ms: Math.round(ms) });
    }
  }

  /** Until `signal` aborts; what is under way then may end for a moment. */
  async follow(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) {
        resolve();
      }
    });
    const cancel = clock.after(GRACE_MS, () => this.#end.abort(new Error('the daemon ends')));
    await this.idle();
    cancel();
    this.#silence();
  }

  async #run(): Promise<void> {
    const { rollout, mailbox, emit, onRecorded } = this.#options;
    // Not within the turn of the loop that asked for it.
    await Promise.resolve();
    try {
      while (this.#next !== null) {
        await this.#turn();
        const text: string | null = this.#next;
        if (text === null) {
          break;
        }
        this.#begun = clock.now();
        this.#current = text;
        this.#next = null;
        const watch = new Stopwatch();
        const result = await rollout.record(text, watch, this.#end.signal);
        this.look();
        if (result.kind === 'refused' || result.kind === 'failed') {
          this.#trouble = { text, result };
        } else {
          this.#trouble = null;
          // What is not in the file yet came after this record began.
          if (rollout.ahead) {
            this.#isAheadSince(this.#begun, rollout.ahead.hash);
          }
          const { check = 0, publish } = watch.steps;
          if (publish !== undefined) {
            emit({ kind: 'recorded', steps: { check, publish } });
          }
          onRecorded(text);
        }
      }
    } catch (error) {
      const text = this.#current;
      if (!this.#end.signal.aborted && text !== null) {
        this.#trouble = { text, result: { kind: 'crashed', error } };
      }
    } finally {
      this.#job = null;
      this.#current = null;
      this.#next = null;
    }
    if (this.#trouble) {
      mailbox.post('what HAProxy runs did not become the file');
    }
  }

  /** Until the next record may begin, or somebody waits for it. */
  async #turn(): Promise<void> {
    const left = this.#begun + RECORD_EVERY_MS - clock.now();
    if (left <= 0 || this.#hurries > 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.after(left, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
    this.#hurry = () => {};
  }

  #isAheadSince(since: number, hash: string): void {
    this.#silence();
    this.#since = since;
    this.#silence = clock.after(since + AHEAD_FAULT_MS - clock.now(), () => this.#tooLong(), 'lazy');
    this.#options.emit({ kind: 'ahead', hash });
  }

  #tooLong(): void {
    const { emit, rollout } = this.#options;
    if (this.#since === null || rollout.ahead === null) {
      return;
    }
    emit({ kind: 'ahead-too-long', ms: Math.round(clock.now() - this.#since) });
  }
}
