import { type Change, compare, type Entry, sameEntry } from './entry.ts';
import { weightOf } from './read-entry.ts';
import { withChanges } from './sorted-list.ts';
import type { TreeView } from './tree-view.ts';

/** Above this many new or removed keys at once one walk over all is cheaper than moving the tail for each. */
const FEW = 64;

/** The watched keys, sorted, with a hash that follows every change without reading all of them again. */
export class Tree<E extends Entry = Entry> implements TreeView {
  readonly #entries = new Map<string, E>();
  #keys: string[] = [];
  #sum = 0n;

  get size(): number {
    return this.#entries.size;
  }

  /** 16 hex digits over keys and values, whatever the order in which they came. */
  get hash(): string {
    return BigInt.asUintN(64, this.#sum).toString(16).padStart(16, '0');
  }

  /** As templates see it: a key whose value a limit kept out is not there. */
  get(key: string): E | undefined {
    const entry = this.#entries.get(key);
    return entry?.refused === undefined ? entry : undefined;
  }

  /** The same, also where a limit kept its value out. */
  at(key: string): E | undefined {
    return this.#entries.get(key);
  }

  *under(prefix: string): Iterable<E> {
    const root = prefix.length > 1 ? withoutEndSlashes(prefix) : prefix;
    const self = this.get(root);
    if (self && root !== '/') {
      yield self;
    }
    const folder = root === '/' ? '/' : `${root}/`;
    for (let at = this.#find(folder); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? '';
      if (!key.startsWith(folder)) {
        return;
      }
      const entry = this.get(key);
      if (entry) {
        yield entry;
      }
    }
  }

  *[Symbol.iterator](): Iterator<E> {
    for (const key of this.#keys) {
      const entry = this.#entries.get(key);
      if (entry) {
        yield entry;
      }
    }
  }

  /** The changes that make this tree equal to `entries`; deletions first. */
  changesTo<F extends Entry>(entries: Iterable<F>): Change<F>[] {
    const gone = new Set(this.#keys);
    const puts: Change<F>[] = [];
    for (const entry of entries) {
      gone.delete(entry.key);
      if (!sameEntry(this.#entries.get(entry.key), entry)) {
        puts.push({ kind: 'put', entry });
      }
    }
    return [...[...gone].map((key): Change<F> => ({ kind: 'delete', key })), ...puts];
  }

  /** Applies changes; gives what each of them found. */
  apply(changes: readonly Change<E>[]): readonly (E | undefined)[] {
    const found: (E | undefined)[] = [];
    const added: string[] = [];
    const removed = new Set<string>();
    for (const change of changes) {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      const before = this.#entries.get(key);
      found.push(before);
      if (before) {
        this.#sum -= weightOf(before);
      }
      if (change.kind === 'put') {
        this.#sum += weightOf(change.entry);
        this.#entries.set(key, change.entry);
        if (!before && !removed.delete(key)) {
          added.push(key);
        }
      } else if (before) {
        this.#entries.delete(key);
        removed.add(key);
      }
    }
    this.#order(added, removed);
    return found;
  }

  #order(added: readonly string[], removed: ReadonlySet<string>): void {
    if (added.length + removed.size > FEW) {
      const there = added.filter((key) => this.#entries.has(key));
      this.#keys = withChanges(this.#keys, { out: removed, more: there, order: compare });
      return;
    }
    for (const key of removed) {
      const at = this.#find(key);
      if (this.#keys[at] === key) {
        this.#keys.splice(at, 1);
      }
    }
    for (const key of added) {
      if (this.#entries.has(key)) {
        this.#keys.splice(this.#find(key), 0, key);
      }
    }
  }

  /** The place of the first key that is not below `key`. */
  #find(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** `/a` for `/a//`. A pattern such as `/+$` would take the square of a long row of slashes. */
export function withoutEndSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') {
    end--;
  }
  return path.slice(0, end);
}
