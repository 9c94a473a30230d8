import type { Change, Entry } from '../model/entry.ts';
import { Tree } from '../model/tree.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { BelievedView } from './guard.ts';

/** What the sources have and what is held, read from the served tree: no tree of its own. */
export class GuardedTree implements BelievedView {
  readonly #served: ServedTree;

  constructor(served: ServedTree) {
    this.#served = served;
  }

  get(key: string): Entry | undefined {
    return this.#served.believedAt(key);
  }

  changesTo(entries: Iterable<Entry>): readonly Change[] {
    const { catalog, quarantined } = this.#served;
    if (quarantined.length === 0) {
      return catalog.tree.changesTo(entries);
    }
    const whole = new Tree();
    whole.apply([...this].map((entry) => ({ kind: 'put', entry })));
    return whole.changesTo(entries);
  }

  /** Everything that is there after some changes. */
  after(changes: readonly Change[]): Iterable<Entry> {
    const whole = new Map<string, Entry>([...this].map((entry) => [entry.key, entry]));
    for (const change of changes) {
      if (change.kind === 'put') {
        whole.set(change.entry.key, change.entry);
      } else {
        whole.delete(change.key);
      }
    }
    return whole.values();
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#served.believed()[Symbol.iterator]();
  }
}
