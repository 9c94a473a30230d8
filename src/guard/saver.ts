import { asError } from '../errors.ts';
import { type Emit, failureOf } from '../events.ts';
import { clock, rest } from '../ports/clock.ts';

/** What a saver does, and how often. */
export interface SaverOptions {
  readonly save: () => Promise<void>;
  /** Milliseconds between being asked and the first write: what comes meanwhile is in it. */
  readonly soon: number;
  /** Milliseconds between two writes, asked before each. */
  readonly every: () => number;
  readonly emit: Emit;
}

/** Writes something in the background, coalesced; what fails is told once and tried again. */
export class Saver {
  readonly #options: SaverOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #wanted = false;
  #lastEnd = Number.NEGATIVE_INFINITY;
  #told = '';

  constructor(options: SaverOptions) {
    this.#options = options;
  }

  /** There is something new. Never waits. */
  ask(): void {
    this.#wanted = true;
    if (!this.#closing.signal.aborted) {
      this.#running ??= this.#run();
    }
  }

  /** Writes what is not written yet, and ends. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { soon, every } = this.#options;
    const { signal } = this.#closing;
    for (let isLast = false; this.#wanted && !isLast; ) {
      await rest(Math.max(soon, this.#lastEnd + every() - clock.now()), signal);
      isLast = signal.aborted;
      await this.#save();
    }
    this.#running = undefined;
  }

  async #save(): Promise<void> {
    this.#wanted = false;
    try {
      await this.#options.save();
      this.#told = '';
    } catch (error) {
      this.#wanted = true;
      const { message } = asError(error);
      if (message !== this.#told) {
        this.#options.emit(failureOf('writing the cache', error));
      }
      this.#told = message;
    }
    this.#lastEnd = clock.now();
  }
}
