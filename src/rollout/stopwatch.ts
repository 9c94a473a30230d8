import type { Step } from '../events.ts';
import { clock } from '../ports/clock.ts';

/** Learns what is at work. */
export interface StepWatch {
  step<T>(step: string, work: () => Promise<T>): Promise<T>;
}

/** What a step is done with. */
export interface At {
  readonly watch: Stopwatch;
  readonly signal: AbortSignal;
}

/** Times the steps of one pass in milliseconds; a step done twice adds up. `turns` learns what is at work. */
export class Stopwatch {
  readonly #turns: StepWatch | undefined;
  readonly #start = clock.now();
  readonly #steps: Partial<Record<Step, number>> = {};

  get steps(): Readonly<Partial<Record<Step, number>>> {
    return this.#steps;
  }

  get ms(): number {
    return round(clock.now() - this.#start);
  }

  constructor(turns?: StepWatch) {
    this.#turns = turns;
  }

  /** A step that is not timed. */
  during<T>(step: string, work: () => Promise<T>): Promise<T> {
    return this.#turns?.step(step, work) ?? work();
  }

  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const start = clock.now();
    try {
      return await (this.#turns?.step(step, work) ?? work());
    } finally {
      this.#steps[step] = round((this.#steps[step] ?? 0) + clock.now() - start);
    }
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
