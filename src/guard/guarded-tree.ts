import type { Change, Entry } from '../model/entry.ts';
import { Tree } from '../model/tree.ts';
import { unitOf } from '../quarantine/unit.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { BelievedView } from './guard.ts';

/**
 * What the sources have and what is held, read from the served tree: no tree of its own. It is the tree of the catalog,
 * but for what is set aside by the quarantine, where it is what was asked for.
 */
export class GuardedTree implements BelievedView {
  readonly #served: ServedTree;

  constructor(served: ServedTree) {
    this.#served = served;
  }

  get(key: string): Entry | undefined {
    const { shelf, catalog, prefixes } = this.#served;
    const shelved = shelf.size === 0 ? undefined : shelf.get(unitOf(key, prefixes));
    return shelved ? shelved.wanted.get(key) : catalog.tree.get(key);
  }

  changesTo(entries: Iterable<Entry>): readonly Change[] {
    const { shelf, catalog } = this.#served;
    if (shelf.size === 0) {
      return catalog.tree.changesTo(entries);
    }
    const whole = new Tree();
    whole.apply([...this].map((entry) => ({ kind: 'put', entry })));
    return whole.changesTo(entries);
  }

  /** Everything that is there after some changes. */
  after(changes: readonly Change[]): Iterable<Entry> {
    const whole = new Map([...this].map((entry) => [entry.key, entry]));
    for (const change of changes) {
      if (change.kind === 'put') {
        whole.set(change.entry.key, change.entry);
      } else {
        whole.delete(change.key);
      }
    }
    return whole.values();
  }

  *[Symbol.iterator](): Iterator<Entry> {
    const { shelf, catalog, prefixes } = this.#served;
    for (const entry of catalog.tree) {
      if (shelf.size === 0 || !shelf.get(unitOf(entry.key, prefixes))) {
        yield entry;
      }
    }
    for (const { wanted } of shelf.all) {
      yield* wanted.values();
    }
  }
}
