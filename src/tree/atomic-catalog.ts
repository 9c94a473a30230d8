import { asError } from '../errors.ts';
import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { ReadEntry } from '../model/read-entry.ts';

/** A catalog that takes changes as a whole or not at all, also where it throws half way, which is a bug of ours. */
export class AtomicCatalog {
  readonly #options: CatalogOptions;
  #current: Catalog;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#current = new Catalog(options);
  }

  /** The catalog; another object after it threw. */
  get current(): Catalog {
    return this.#current;
  }

  /** A catalog of the same tree, to try things on. */
  copy(): Catalog {
    return this.#catalogOf(this.#current.tree);
  }

  /** Applies changes; gives what each of their keys was before. */
  apply(changes: readonly Change[]): ReadonlyMap<string, ReadEntry | undefined> {
    const { tree } = this.#current;
    const before = new Map(
      changes.map((change) => {
        const key = change.kind === 'put' ? change.entry.key : change.key;
        return [key, tree.at(key)] as const;
      }),
    );
    try {
      this.#current.apply(changes);
      return before;
    } catch (error) {
      const entries = new Map([...tree].map((entry) => [entry.key, entry]));
      for (const [key, entry] of before) {
        if (entry) {
          entries.set(key, entry);
        } else {
          entries.delete(key);
        }
      }
      this.#current = this.#catalogOf(entries.values());
      throw error;
    }
  }

  /** Those of some entries over which it throws, each by itself. */
  throwingIn(entries: readonly ReadEntry[]): { readonly entry: ReadEntry; readonly error: Error }[] {
    const error = this.#errorOf(entries);
    const [entry] = entries;
    if (error === null || entry === undefined) {
      return [];
    }
    if (entries.length === 1) {
      return [{ entry, error }];
    }
    const middle = entries.length >>> 1;
    return [...this.throwingIn(entries.slice(0, middle)), ...this.throwingIn(entries.slice(middle))];
  }

  #errorOf(entries: readonly ReadEntry[]): Error | null {
    const copy = this.copy();
    try {
      copy.apply(entries.map((entry) => ({ kind: 'put', entry })));
      return null;
    } catch (error) {
      return asError(error);
    }
  }

  #catalogOf(entries: Iterable<Entry>): Catalog {
    const catalog = new Catalog(this.#options);
    catalog.replace(entries);
    return catalog;
  }
}
