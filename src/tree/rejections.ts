import type { Emit } from '../events.ts';
import type { Rejection } from '../model/service.ts';

/** Tells of each rejection once when it appears and once when it goes. */
export class Rejections {
  readonly #emit: Emit;
  #known = new Map<string, Rejection>();
  #last: readonly Rejection[] = [];

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** The rejections as they are now. */
  update(rejected: readonly Rejection[]): void {
    if (rejected === this.#last) {
      return;
    }
    this.#last = rejected;
    const now = new Map(rejected.map((rejection) => [`${rejection.key}\n${rejection.reason}`, rejection]));
    const appeared = [...now].filter(([id]) => !this.#known.has(id)).map(([, rejection]) => rejection);
    const keys = new Set(rejected.map(({ key }) => key));
    const gone = [...this.#known.values()].map(({ key }) => key).filter((key) => !keys.has(key));
    this.#known = now;
    if (appeared.length > 0) {
      this.#emit({ kind: 'keys-rejected', rejected: appeared });
    }
    if (gone.length > 0) {
      this.#emit({ kind: 'rejections-gone', keys: [...new Set(gone)] });
    }
  }
}
