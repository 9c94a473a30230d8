import type { SourceEvent } from '../ports/source.ts';
import type { CachedTree, LayerAge } from '../ports/stores.ts';

type Heard = Extract<SourceEvent, { kind: 'heard' }>;
type State = Extract<SourceEvent, { kind: 'state' }>;

/** What is known of each source beside its keys: whether it is live, how far its store is, and whether to doubt that. */
export class SourceHealth {
  readonly #states = new Map<number, State>();
  readonly #revisions: (bigint | null)[] = [];
  readonly #sizes = new Map<number, number>();
  readonly #doubted = new Set<number>();
  /** What is known of each source: it gave it, or a cache had it. */
  readonly #layers = new Map<number, LayerAge>();
  /** Those that have given something since the start. */
  readonly #given = new Set<number>();
  #answered = false;
  #freshAt = 0;

  /** Begins with what was known when a tree was written. */
  begin({ entries, revisions, freshAt, layers }: CachedTree): void {
    for (const [place, layer] of (layers ?? revisions.map(() => wholeOf(freshAt))).entries()) {
      if (layer) {
        this.#layers.set(place, layer);
      }
    }
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

  /** How old what is known of each source is, by its place; null where nothing is. */
  layers(now: number): readonly (LayerAge | null)[] {
    const length = [...this.#layers.keys()].reduce((last, place) => Math.max(last, place), -1) + 1;
    return Array.from({ length }, (_, place) => this.#layerNow(place, now));
  }

  /** What is known of a source; null where nothing is. */
  layer(place: number): LayerAge | null {
    return this.#layers.get(place) ?? null;
  }

  /** Whether what is known of a source is served in its place: it has given nothing since the start. */
  get isStoodInFor(): boolean {
    return [...this.#layers.keys()].some((place) => !this.#given.has(place));
  }

  /** The sources that were never reached, or are not any more. */
  get connecting(): readonly State[] {
    return [...this.#states.values()].filter(({ state }) => state === 'connecting');
  }

  state(event: State, now: number): void {
    this.#freshAt = this.fresh(now);
    const { index } = event.of;
    const layer = this.#layerNow(index, now);
    if (layer) {
      this.#layers.set(index, layer);
    }
    this.#states.set(index, event);
  }

  /** A source gave everything that it has, but for prefixes that may not be read. */
  gaveAll(index: number, refused: readonly string[], now: number): void {
    const layer = this.#layerNow(index, now);
    const ageOf = (prefix: string) => {
      const known = layer?.refused.get(prefix);
      return known === undefined ? (layer?.freshAt ?? null) : known;
    };
    const ages = new Map(refused.map((prefix) => [prefix, ageOf(prefix)]));
    this.#layers.set(index, { freshAt: now, refused: ages });
    this.#given.add(index);
  }

  /** Takes note of a single source's figures. */
  heard({ of, what, keys, revision, refused = [] }: Heard, now: number): void {
    if (what === 'snapshot') {
      this.gaveAll(of.index, refused, now);
    }
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

  #layerNow(place: number, now: number): LayerAge | null {
    const layer = this.#layers.get(place) ?? null;
    const state = this.#states.get(place);
    const answers = state?.state === 'live' || state?.refused !== undefined;
    return layer && this.#given.has(place) && answers ? { ...layer, freshAt: now } : layer;
  }
}

function wholeOf(freshAt: number): LayerAge {
  return { freshAt, refused: new Map() };
}
