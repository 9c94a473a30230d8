import type { Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange } from '../model/tree-changes.ts';

/** A value that was refused by itself. */
export interface RefusedKey {
  readonly key: string;
  /** The value that was refused. */
  readonly value: string;
  /** The last good entry of the key, null where it has none. */
  readonly good: ReadEntry | null;
  readonly reason: string;
  /** When it was set aside, in milliseconds since 1970. */
  readonly since: number;
}

/** What becomes of changes where something is set aside. */
export interface FilteredKeys {
  readonly changes: readonly BelievedChange[];
  /** Keys that are gone, or have another value. */
  readonly released: readonly string[];
  /** Takes it over; until then nothing has changed. */
  commit(): void;
}

/**
 * The values that were refused by themselves: in the place of each stands the last good value of its key, or the key is
 * rejected by name. Until the value changes.
 */
export class RefusedKeys {
  readonly #prefixes: Prefixes;
  readonly #keys = new Map<string, RefusedKey>();
  /** Last good entries of an earlier run: what was refused there may be right for this one. */
  readonly #earlier = new Map<string, ReadEntry>();

  constructor(prefixes: Prefixes) {
    this.#prefixes = prefixes;
  }

  /** The last good entries of those that have one. */
  get good(): readonly ReadEntry[] {
    return [...this.#keys.values()].flatMap(({ good }) => good ?? []);
  }

  /** Sets a value aside. Where `good` is null, it is what an earlier run knew. */
  setAside(one: RefusedKey): RefusedKey {
    const set = { ...one, good: one.good ?? this.#earlier.get(one.key) ?? null };
    this.#keys.set(one.key, set);
    return set;
  }

  /** Takes over the last good entries that an earlier run knew, before the first tree. */
  restore(good: readonly Entry[]): void {
    for (const entry of good) {
      this.#earlier.set(entry.key, ReadEntry.of(entry, this.#prefixes));
    }
  }

  /** The first tree is whole. */
  begin(): void {
    this.#earlier.clear();
  }

  /** What becomes of changes of what is believed. */
  filter(changes: readonly BelievedChange[]): FilteredKeys {
    if (this.#keys.size === 0) {
      return { changes, released: [], commit: () => {} };
    }
    const released = changes.flatMap((change) => {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      const found = this.#keys.get(key);
      return !found || (change.kind === 'put' && change.entry.value === found.value) ? [] : [key];
    });
    const commit = () => {
      for (const key of released) {
        this.#keys.delete(key);
      }
    };
    return { changes: changes.map((change) => this.#replaced(change)), released, commit };
  }

  #replaced(change: BelievedChange): BelievedChange {
    const found = change.kind === 'put' ? this.#keys.get(change.entry.key) : undefined;
    if (change.kind === 'delete' || change.entry.value !== found?.value) {
      return change;
    }
    const { good, reason } = found;
    const instead: Entry =
      good === null
        ? { ...change.entry, value: '', refused: reason }
        : { ...change.entry, value: good.value };
    return { ...change, entry: ReadEntry.of(instead, this.#prefixes, good ?? undefined) };
  }
}
