import { type Entry, sameEntry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { keeping, refusalOf } from '../model/kept.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { RawChange } from '../model/tree-changes.ts';
import type { SourceEvent } from '../ports/source.ts';

/** What is known when a source says something. */
export interface TakingOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What is believed of a key that the sources do not have. */
  readonly believed: (key: string) => ReadEntry | undefined;
}

/** What a source says of its keys. */
export type SourceData = Extract<SourceEvent, { kind: 'snapshot' | 'changes' }>;

/**
 * The first of the trees: what the sources say, each entry read once. Whether they give everything or changes, changes
 * go on from here.
 */
export class RawTree implements Iterable<ReadEntry> {
  #grammar: Grammar;
  readonly #entries = new Map<string, ReadEntry>();
  #sum = 0n;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** 16 hex digits over keys and values, whatever the order in which they came. */
  get hash(): string {
    return BigInt.asUintN(64, this.#sum).toString(16).padStart(16, '0');
  }

  get(key: string): ReadEntry | undefined {
    return this.#entries.get(key);
  }

  /** Those of these keys that are there; not those that a limit keeps out. */
  lookUp(keys: readonly string[]): readonly ReadEntry[] {
    const found = keys.flatMap((key) => this.#entries.get(key) ?? []);
    return found.filter(({ refused }) => refused === undefined);
  }

  [Symbol.iterator](): Iterator<ReadEntry> {
    return this.#entries.values();
  }

  /** Takes what the sources say: all of it, or nothing where an entry cannot be read. Gives what differs by it. */
  take(event: SourceData, options: TakingOptions): readonly RawChange[] {
    const changes =
      event.kind === 'snapshot'
        ? this.#changesTo(event.entries, options)
        : this.#changesOf(event.changes, options);
    this.#apply(changes);
    return changes;
  }

  /** What keys whose value is refused were before, which nobody here has seen. Gives what differs by it. */
  takeEarlier(found: ReadonlyMap<ReadEntry, Entry>, now: number): readonly RawChange[] {
    const changes = [...found].flatMap(([before, earlier]): RawChange[] => {
      const isThere = this.#entries.get(before.key) === before;
      const entry = isThere ? keeping(before, earlier, { grammar: this.#grammar, now }) : before;
      return entry === before ? [] : [{ kind: 'put', entry, before }];
    });
    this.#apply(changes);
    return changes;
  }

  /** Nothing stands in the place of these any more. Gives what differs by it. */
  endKept(keys: readonly string[]): readonly RawChange[] {
    const changes = keys.flatMap((key): RawChange[] => {
      const before = this.#entries.get(key);
      return before?.kept ? [{ kind: 'put', entry: before.keeping(undefined), before }] : [];
    });
    this.#apply(changes);
    return changes;
  }

  /**
   * Reads routes by another grammar from now on, and those that are there anew. One that is refused by it keeps its last good
   * form. Gives what differs by it.
   */
  follow(grammar: Grammar, now: number): readonly RawChange[] {
    this.#grammar = grammar;
    const changes = [...this].flatMap((before): RawChange[] => {
      if (before.meaning.role.kind !== 'route') {
        return [];
      }
      const read = ReadEntry.of({ ...before }, grammar);
      const isSame = reasonOf(read) === reasonOf(before);
      return isSame ? [] : [{ kind: 'put', entry: keeping(read, before, { grammar, now }), before }];
    });
    this.#apply(changes);
    return changes;
  }

  /** Takes changes back that it gave last. */
  undo(changes: readonly RawChange[]): void {
    this.#apply(changes.map(inverse));
  }

  #apply(changes: readonly RawChange[]): void {
    for (const change of changes) {
      this.#sum -= change.before?.meaning.weight ?? 0n;
      if (change.kind === 'put') {
        this.#sum += change.entry.meaning.weight;
        this.#entries.set(change.entry.key, change.entry);
      } else {
        this.#entries.delete(change.key);
      }
    }
  }

  /** The deletions first. */
  #changesTo(entries: Iterable<Entry>, options: TakingOptions): RawChange[] {
    const gone = new Map(this.#entries);
    const puts = new Map<string, RawChange>();
    for (const entry of entries) {
      gone.delete(entry.key);
      const put = this.#put(entry, options);
      if (put) {
        puts.set(entry.key, put);
      } else {
        puts.delete(entry.key);
      }
    }
    const deletions = [...gone].map(([key, before]): RawChange => ({ kind: 'delete', key, before }));
    return [...deletions, ...puts.values()];
  }

  /** One change a key: several of it, of several transactions, are taken one after the other. */
  #changesOf(
    changes: Extract<SourceData, { kind: 'changes' }>['changes'],
    options: TakingOptions,
  ): RawChange[] {
    const found = new Map<string, RawChange | undefined>();
    for (const change of changes) {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      const last = found.get(key);
      found.set(key, change.kind === 'put' ? this.#put(change.entry, options, last) : this.#delete(key));
    }
    return [...found.values()].filter((change) => change !== undefined);
  }

  /** Undefined where the same is there; `last`: what became of the key just before. Gone and back is written over. */
  #put(entry: Entry, { now, believed }: TakingOptions, last?: RawChange): RawChange | undefined {
    const before = this.#entries.get(entry.key);
    if (sameEntry(before, entry)) {
      return undefined;
    }
    const there = last?.kind === 'put' ? last.entry : before;
    const read = ReadEntry.of(entry, this.#grammar, there);
    const known = there ?? believed(entry.key) ?? (entry.kept && entry);
    return { kind: 'put', entry: keeping(read, known, { grammar: this.#grammar, now }), before };
  }

  #delete(key: string): RawChange | undefined {
    const before = this.#entries.get(key);
    return before && { kind: 'delete', key, before };
  }
}

function reasonOf(entry: ReadEntry): string | undefined {
  return refusalOf(entry)?.reason;
}

function inverse(change: RawChange): RawChange {
  if (change.kind === 'delete') {
    return { kind: 'put', entry: change.before, before: undefined };
  }
  const { entry, before } = change;
  return before
    ? { kind: 'put', entry: before, before: entry }
    : { kind: 'delete', key: entry.key, before: entry };
}
