import type { ReadEntry } from '../model/read-entry.ts';
import type { Counted } from './counted.ts';
import type { Tallies } from './tallies.ts';

/** A key that went, and was let go. */
export interface Gone {
  readonly entry: ReadEntry;
  readonly kind: Counted;
  readonly at: number;
  /** `old`: it was there a window ago. What came within the window is no loss in the tallies. */
  readonly age: 'old' | 'fresh';
}

/** What came and went within the window, with the tallies that follow from it; the oldest first. */
export class Recent {
  readonly #tallies: Tallies;
  readonly #gone = new Map<string, Gone>();
  readonly #come = new Map<string, { readonly group: string; readonly at: number }>();

  constructor(tallies: Tallies) {
    this.#tallies = tallies;
  }

  /** Those that went, as they are now. */
  get gone(): readonly Gone[] {
    return [...this.#gone.values()];
  }

  get quiet(): boolean {
    return this.#gone.size === 0;
  }

  came(key: string, kind: Counted, at: number): void {
    this.#come.set(key, { group: kind.group, at });
    this.#tallies.add(kind.group, { come: 1 });
  }

  /** Forgets that a key came; true where it did. */
  uncome(key: string): boolean {
    const come = this.#come.get(key);
    if (!come) {
      return false;
    }
    this.#come.delete(key);
    this.#tallies.add(come.group, { come: -1 });
    return true;
  }

  went(gone: Gone): void {
    this.#gone.set(gone.entry.key, gone);
    if (gone.age === 'old') {
      this.#tallies.add(gone.kind.group, { gone: 1 });
    }
  }

  /** Remembers again that a key went a while ago. */
  wentBefore(gone: Gone): void {
    this.went(gone);
    const inOrder = this.gone.toSorted((a, b) => a.at - b.at);
    this.#gone.clear();
    for (const one of inOrder) {
      this.#gone.set(one.entry.key, one);
    }
  }

  /** Forgets that a key went; true where its loss was counted. */
  ungone(key: string): boolean {
    const gone = this.#gone.get(key);
    if (!gone) {
      return false;
    }
    this.#gone.delete(key);
    if (gone.age === 'fresh') {
      return false;
    }
    this.#tallies.add(gone.kind.group, { gone: -1 });
    return true;
  }

  /** Forgets what happened until `end`. */
  forget(end: number): void {
    for (const [key, { at }] of this.#come) {
      if (at > end) {
        break;
      }
      this.uncome(key);
    }
    for (const [key, { at }] of this.#gone) {
      if (at > end) {
        break;
      }
      this.ungone(key);
    }
  }
}
