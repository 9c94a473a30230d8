import { byKeyAndReason } from './rejection.ts';
import type { Rejection } from './service.ts';
import { withChanges } from './sorted-list.ts';

/** All rejections of a catalog, kept by those who reject; the list is put in order where somebody reads it. */
export class Rejections {
  #list: readonly Rejection[] = [];
  readonly #out = new Set<Rejection>();
  readonly #more = new Set<Rejection>();

  /** Sorted by key and reason; the same array as before while nothing changed. */
  get list(): readonly Rejection[] {
    if (this.#out.size + this.#more.size > 0) {
      this.#list = withChanges(this.#list, { out: this.#out, more: [...this.#more], order: byKeyAndReason });
      this.#out.clear();
      this.#more.clear();
    }
    return this.#list;
  }

  /** Puts these in the place of others that were put here. */
  replace(before: readonly Rejection[], after: readonly Rejection[]): void {
    if (before === after) {
      return;
    }
    for (const one of before) {
      if (!this.#more.delete(one)) {
        this.#out.add(one);
      }
    }
    for (const one of after) {
      if (!this.#out.delete(one)) {
        this.#more.add(one);
      }
    }
  }
}
