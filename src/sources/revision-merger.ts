import type { Change } from '../model/entry.ts';

/** All changes of one revision of etcd, which is one transaction. */
export interface Revision {
  readonly revision: bigint;
  readonly changes: readonly Change[];
}

/** A change with what is needed to put it in its place. */
export interface RangedChange {
  /** The index of the watched range that it came by. */
  readonly range: number;
  readonly revision: bigint;
  readonly change: Change;
  /** What it costs while it is held, about. */
  readonly bytes: number;
}

/**
 * Puts the changes of one transaction together again that came by several watches. Each watch sends its share in
 * a message of its own, so a revision is held here until the caller knows that all watches are past it. Until
 * then nothing of it counts as received: `next` moves with the release, and a stream that breaks earlier asks
 * for it again.
 */
export class RevisionMerger {
  /** For each range the first revision not yet given out: where a new stream has to start. */
  readonly next: bigint[];
  readonly #held = new Map<bigint, RangedChange[]>();
  #highest = 0n;
  #bytes = 0;

  constructor(next: readonly bigint[]) {
    this.next = [...next];
  }

  /** The highest revision held, or null when nothing is. */
  get highest(): bigint | null {
    return this.#held.size === 0 ? null : this.#highest;
  }

  /** What all that is held costs, about. */
  get bytes(): number {
    return this.#bytes;
  }

  add(changes: readonly RangedChange[]): void {
    for (const change of changes) {
      const { revision, range } = change;
      // A repeated event must not be applied after a newer one.
      if (revision < (this.next[range] ?? 0n)) {
        continue;
      }
      this.#bytes += change.bytes;
      const held = this.#held.get(revision);
      if (held) {
        held.push(change);
      } else {
        this.#held.set(revision, [change]);
      }
      if (revision > this.#highest) {
        this.#highest = revision;
      }
    }
  }

  /** Forgets what is held: the next stream brings it again. */
  discard(): void {
    this.#held.clear();
    this.#bytes = 0;
  }

  /** Gives out, in order, all revisions up to and including `upTo`. */
  release(upTo: bigint): readonly Revision[] {
    const due = [...this.#held].filter(([revision]) => revision <= upTo);
    due.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [revision, changes] of due) {
      this.#held.delete(revision);
      for (const { range, bytes } of changes) {
        this.next[range] = revision + 1n;
        this.#bytes -= bytes;
      }
    }
    return due.map(([revision, changes]) => ({ revision, changes: changes.map(({ change }) => change) }));
  }
}
