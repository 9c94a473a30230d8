import { clock } from '../ports/clock.ts';

/** The loop looks around at least this often, so that its last turn says whether it lives. */
export const TURN_MS = 1000;

/** Milliseconds for which a step counts as turns where nothing else is said: more than its own limits together. */
export const STEP_MS = 120_000;

/** A step that is at work for longer than it may be. */
export interface Overdue {
  readonly step: string;
  readonly ms: number;
}

interface Running {
  readonly step: string;
  readonly since: number;
}

/** Says when the loop last turned, and what it is at work on. */
export class Turns {
  readonly #limit: number;
  readonly #running = new Set<Running>();
  #last = clock.now();

  /** `limit`: milliseconds for which a step counts as turns. @default 2 min */
  constructor(limit: number = STEP_MS) {
    this.#limit = limit;
  }

  /** In milliseconds of `clock.now()`. */
  get last(): number {
    return this.#last;
  }

  /** The innermost step that is at work for longer than its limit, or null. */
  get overdue(): Overdue | null {
    const now = clock.now();
    const late = [...this.#running].filter(({ since }) => now - since > this.#limit).at(-1);
    return late ? { step: late.step, ms: Math.round(now - late.since) } : null;
  }

  turn(): void {
    this.#last = clock.now();
  }

  /** A step with time limits of its own counts as turns while it lasts, but not for ever. */
  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    const running: Running = { step, since: clock.now() };
    this.#running.add(running);
    let cancel = () => {};
    const again = () => {
      if (this.overdue === null) {
        this.turn();
      }
      cancel = clock.after(TURN_MS, again);
    };
    cancel = clock.after(TURN_MS, again);
    try {
      return await work();
    } finally {
      cancel();
      this.#running.delete(running);
    }
  }
}
