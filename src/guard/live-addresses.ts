import type { Entry } from '../model/entry.ts';
import type { Classify } from './classify.ts';

/** The addresses that live keys claim: made only while something is held, and kept up with each change. */
export class LiveAddresses {
  readonly #classify: Classify;
  readonly #counts = new Map<string, number>();

  constructor(classify: Classify, live: Iterable<Entry>) {
    this.#classify = classify;
    for (const entry of live) {
      this.came(entry);
    }
  }

  has(address: string | null): boolean {
    return address !== null && this.#counts.has(address);
  }

  came(entry: Entry): void {
    const address = this.#classify(entry)?.address ?? null;
    if (address !== null) {
      this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
    }
  }

  went(entry: Entry): void {
    const address = this.#classify(entry)?.address ?? null;
    if (address === null) {
      return;
    }
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(address, left);
    } else {
      this.#counts.delete(address);
    }
  }
}
