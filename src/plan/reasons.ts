import type { Reason } from './plan.ts';

/** So many reasons of a plan are kept; the others are counted. */
export const MOST_REASONS = 20;

/** The first reasons that were found, and how many more there were: one value can change 100,000 lines. */
export class Reasons {
  readonly #first: Reason[] = [];
  #count = 0;

  /** How many there are in all. */
  get count(): number {
    return this.#count;
  }

  /** The first of them, at most `MOST_REASONS`. */
  get first(): readonly Reason[] {
    return this.#first;
  }

  /** How many are not kept. */
  get more(): number {
    return this.#count - this.#first.length;
  }

  /** Adds what `make` gives for each, and makes only what is kept. */
  addEach<T>(all: Iterable<T>, make: (one: T) => Reason): void {
    for (const one of all) {
      this.#count += 1;
      if (this.#first.length < MOST_REASONS) {
        this.#first.push(make(one));
      }
    }
  }

  /** Adds them. */
  add(all: Iterable<Reason>): void {
    this.addEach(all, (reason) => reason);
  }

  /** Adds those of another list, behind these. */
  join(other: Reasons): void {
    this.add(other.first);
    this.#count += other.more;
  }
}
