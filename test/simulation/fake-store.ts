import type { Change, Entry } from '../../src/model/entry.ts';

/** One transaction of the store. */
export interface Transaction {
  readonly revision: bigint;
  readonly changes: readonly Change[];
}

/** An etcd: keys with revisions, and what happened since. */
export class FakeStore {
  #revision = 10n;
  #keys = new Map<string, Entry>();
  #transactions: Transaction[] = [];
  /** Another one after each time the store lost its past. */
  epoch = 0;
  /** Nobody is connected to it now. */
  isCut = false;
  readonly #listeners = new Set<() => void>();

  get revision(): bigint {
    return this.#revision;
  }

  get entries(): readonly Entry[] {
    return [...this.#keys.values()];
  }

  get(key: string): Entry | undefined {
    return this.#keys.get(key);
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What happened after this revision; null where that is not known (any more). */
  since(revision: bigint): readonly Transaction[] | null {
    return revision > this.#revision ? null : this.#transactions.filter((one) => one.revision > revision);
  }

  /** Writes (a text) and deletes (null) some keys at once. */
  write(all: ReadonlyMap<string, string | null>): void {
    // Deleting what is not there is no transaction.
    if (![...all].some(([key, value]) => value !== null || this.#keys.has(key))) {
      return;
    }
    this.#revision += 1n;
    const changes: Change[] = [];
    for (const [key, value] of all) {
      const before = this.#keys.get(key);
      if (value !== null) {
        const created = before?.created ?? this.#revision;
        const entry: Entry = { key, value, source: 0, created, modified: this.#revision };
        this.#keys.set(key, entry);
        changes.push({ kind: 'put', entry });
      } else if (before) {
        this.#keys.delete(key);
        changes.push({ kind: 'delete', key });
      }
    }
    this.#transactions.push({ revision: this.#revision, changes });
    this.#changed();
  }

  /** It begins anew with nothing, at a low revision. */
  wipe(): void {
    this.#keys = new Map();
    this.#transactions = [];
    this.#revision = 1n;
    this.epoch++;
    this.#changed();
  }

  /** The connection is cut, or there again. */
  cut(isCut: boolean): void {
    this.isCut = isCut;
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}
