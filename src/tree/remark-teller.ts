import type { Emit } from '../events.ts';
import type { Remark } from '../model/remarks.ts';

/** So many are shown, and so many are remembered as told: both hold whatever is written to the store. */
const SHOWN = 100;
const REMEMBERED = 10_000;

/** Tells of each remark once, and of all of them when they change. */
export class RemarkTeller {
  readonly #emit: Emit;
  readonly #told = new Set<string>();
  #last: readonly Remark[] = [];

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** The remarks as they are now. */
  update(remarks: readonly Remark[]): void {
    if (remarks === this.#last || (remarks.length === 0 && this.#last.length === 0)) {
      return;
    }
    this.#last = remarks;
    if (this.#told.size > REMEMBERED) {
      this.#told.clear();
    }
    const fresh = remarks.filter(({ service, of, field }) => {
      const id = JSON.stringify([service, of, field]);
      return !this.#told.has(id) && this.#told.add(id);
    });
    if (fresh.length > 0) {
      this.#emit({ kind: 'keys-remarked', remarks: fresh });
    }
    this.#emit({ kind: 'remarks', remarks: remarks.slice(0, SHOWN), count: remarks.length });
  }
}
