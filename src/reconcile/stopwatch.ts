import type { Step } from '../events.ts';

/** Times the steps of one pass in milliseconds; a step done twice adds up. */
export class Stopwatch {
  readonly #start = performance.now();
  readonly #steps: Partial<Record<Step, number>> = {};

  get steps(): Readonly<Partial<Record<Step, number>>> {
    return this.#steps;
  }

  get ms(): number {
    return round(performance.now() - this.#start);
  }

  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#steps[step] = round((this.#steps[step] ?? 0) + performance.now() - start);
    }
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
