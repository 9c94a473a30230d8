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
  /** Nothing below this prefix may be read. */
  refused: string | null = null;
  /** How often all of it was to be read anew. */
  rereads = 0;
  readonly #place: number;
  readonly #listeners = new Set<() => void>();

  /** `place`: which of the sources it is. */
  constructor(place: number) {
    this.#place = place;
  }

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
        const entry: Entry = { key, value, source: this.#place, created, modified: this.#revision };
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

  /** All of it is to be read anew. */
  reread(): void {
    this.rereads++;
    this.#changed();
  }

  /** Nothing below a prefix may be read from now on, or (null) all. Who reads it, reads it anew. */
  refuse(prefix: string | null): void {
    this.refused = prefix;
    this.reread();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}
