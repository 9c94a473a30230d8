import { clock } from '../ports/clock.ts';

/** The loop looks around at least this often, so that its last turn says whether it lives. */
export const TURN_MS = 1000;

/** Milliseconds for which a step counts as turns where nothing else is said: more than its own limits together. */
const STEP_MS = 120_000;

/** Says when the loop last turned, and what it is at work on. */
export class Turns {
  readonly #limit: number;
  /** What is at work, the innermost last. */
  readonly #running = new Set<{ readonly step: string; readonly since: number }>();
  #last = clock.now();

  /** `limit`: milliseconds for which a step counts as turns. @default 2 min */
  constructor(limit: number = STEP_MS) {
    this.#limit = limit;
  }

  /** In milliseconds of `clock.now()`. A step with time limits of its own counts as turns while it lasts, but not for ever. */
  get last(): number {
    const [outermost] = this.#running;
    return outermost
      ? Math.max(this.#last, Math.min(clock.now(), outermost.since + this.#limit))
      : this.#last;
  }

  /** The innermost step that is at work for longer than its limit, or null. */
  get overdue(): { readonly step: string; readonly ms: number } | null {
    const now = clock.now();
    const late = [...this.#running].findLast(({ since }) => now - since > this.#limit);
    return late ? { step: late.step, ms: Math.round(now - late.since) } : null;
  }

  turn(): void {
    this.#last = clock.now();
  }

  /** Does a step of a pass. */
  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    const running = { step, since: clock.now() };
    this.#running.add(running);
    try {
      return await work();
    } finally {
      this.#last = this.last;
      this.#running.delete(running);
    }
  }
}
