import type { SourceEvent } from '../ports/source.ts';
import type { CachedTree } from '../ports/stores.ts';

type Heard = Extract<SourceEvent, { kind: 'heard' }>;
type State = Extract<SourceEvent, { kind: 'state' }>;

/** What is known of each source beside its keys: whether it is live, how far its store is, and whether to doubt that. */
export class SourceHealth {
  readonly #states = new Map<number, State>();
  readonly #revisions: (bigint | null)[] = [];
  readonly #sizes = new Map<number, number>();
  readonly #doubted = new Set<number>();
  #answered = false;
  #freshAt = 0;

  /** Begins with what was known when a tree was written. */
  begin({ entries, revisions, freshAt }: CachedTree): void {
    for (const [place, revision] of revisions.entries()) {
      this.#revisions[place] = revision;
    }
    for (const { source } of entries) {
      this.#sizes.set(source, (this.#sizes.get(source) ?? 0) + 1);
    }
    this.#freshAt = freshAt;
  }

  /** Whether the sources have answered since the start. */
  get answered(): boolean {
    return this.#answered;
  }

  /** The sources (by their place) whose store went back in revision or is empty, until they say more. */
  get doubted(): ReadonlySet<number> {
    return this.#doubted;
  }

  /** The last revision of each source by its place; null where it gave none. */
  get revisions(): readonly (bigint | null)[] {
    return [...this.#revisions];
  }

  /** The sources that were never reached, or are not any more. */
  get connecting(): readonly State[] {
    return [...this.#states.values()].filter(({ state }) => state === 'connecting');
  }

  state(event: State, now: number): void {
    this.#freshAt = this.fresh(now);
    this.#states.set(event.of.index, event);
  }

  /** Takes note of a single source's figures. */
  heard({ of, what, keys, revision }: Heard): void {
    const last = this.#revisions[of.index] ?? null;
    const wentBack = what === 'snapshot' && last !== null && revision < last;
    const emptied = keys === 0 && (this.#sizes.get(of.index) ?? 0) > 1;
    if (wentBack || emptied) {
      this.#doubted.add(of.index);
    } else {
      this.#doubted.delete(of.index);
    }
    this.#revisions[of.index] = revision;
    this.#sizes.set(of.index, keys);
  }

  /** All sources together gave data. */
  gave(now: number): void {
    this.#answered = true;
    this.#freshAt = now;
  }

  /** When the tree was last known to be what the sources have, in milliseconds since 1970. */
  fresh(now: number): number {
    const live = this.#states.size > 0 && [...this.#states.values()].every(({ state }) => state === 'live');
    return this.#answered && live ? now : this.#freshAt;
  }
}
