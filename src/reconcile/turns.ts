/** The loop looks around at least this often, so that its last turn says whether it lives. */
export const TURN_MS = 1000;

/** Says when the loop last turned. */
export class Turns {
  #last = performance.now();

  /** In milliseconds of `performance.now()`. */
  get last(): number {
    return this.#last;
  }

  turn(): void {
    this.#last = performance.now();
  }

  /** Steps with time limits of their own count as turns while they last. */
  async beating<T>(work: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.turn(), TURN_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }
}
