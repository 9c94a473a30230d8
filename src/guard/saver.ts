import { asError } from '../errors.ts';
import { type Emit, failureOf } from '../events.ts';
import { clock } from '../ports/clock.ts';

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
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #lastEnd = Number.NEGATIVE_INFINITY;
  #told = '';
  #closed = false;

  constructor(options: SaverOptions) {
    this.#options = options;
  }

  /** There is something new. Never waits. */
  ask(): void {
    this.#wanted = true;
    if (this.#cancel || this.#running || this.#closed) {
      return;
    }
    const { soon, every } = this.#options;
    const pause = Math.max(soon, this.#lastEnd + every() - clock.now());
    this.#cancel = clock.after(pause, () => {
      this.#cancel = undefined;
      this.#running = this.#save().finally(() => {
        this.#running = undefined;
        if (this.#wanted) {
          this.ask();
        }
      });
    });
  }

  /** Writes what is not written yet, and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#running;
    if (this.#wanted) {
      await this.#save();
    }
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
