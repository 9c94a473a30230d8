import type { Change, Entry } from '../../src/model/entry.ts';
import { covers } from '../../src/model/keys.ts';
import type { SourceRank } from './fake-stores.ts';

/** What is known of one source. */
interface Layer {
  readonly entries: Map<string, Entry>;
  /** Prefixes of which nothing is known; null where that is so of all. */
  without: readonly string[] | null;
  /** Whether it gave something in this life. */
  hasGiven: boolean;
}

/** What a life of Pointsman finds of its sources on the disk. */
export interface Cached {
  readonly entries: readonly Entry[];
  readonly known: readonly (readonly string[] | null)[];
}

/**
 * What each source gave in a life of Pointsman, and in the place of one that gave nothing, or not all, what the cache had
 * of it when the life began: what has to reach Pointsman, whoever is silent.
 */
export class Layers {
  readonly #ranks: readonly SourceRank[];
  readonly #layers: readonly Layer[];

  /** `entries`: those of the cache, but what is held; `known`: what was known of each source when it was written. */
  constructor(ranks: readonly SourceRank[], { entries, known }: Cached) {
    this.#ranks = ranks;
    this.#layers = ranks.map((_, place) => ({
      entries: new Map(entries.filter(({ source }) => source === place).map((entry) => [entry.key, entry])),
      without: known[place] ?? null,
      hasGiven: false,
    }));
  }

  /** By the place of each source, the prefixes of which nothing is known; null where nothing is known of the source. */
  get known(): Cached['known'] {
    return this.#layers.map((layer, place) => (this.#isThere(layer, place) ? layer.without : null));
  }

  /** What should be seen: of equal keys that of the last source. */
  get entries(): readonly Entry[] {
    return [...new Map(this.#layers.flatMap(({ entries }) => [...entries])).values()];
  }

  /** Whether nothing is missing that a start has to wait for, and some source speaks. */
  get isEnough(): boolean {
    const all = this.#layers;
    return all.every((layer, place) => this.#isThere(layer, place)) && all.some(({ hasGiven }) => hasGiven);
  }

  /** A source gives all that it has, but for the prefixes that it may not be asked for. */
  gave(place: number, entries: readonly Entry[], refused: readonly string[]): void {
    const layer = this.#at(place);
    layer.without = refused.filter((prefix) => layer.without === null || layer.without.includes(prefix));
    const kept = [...layer.entries].filter(([key]) => refused.some((prefix) => covers(prefix, key)));
    layer.entries.clear();
    for (const [key, entry] of [...kept, ...entries.map((entry) => [entry.key, entry] as const)]) {
      layer.entries.set(key, entry);
    }
    layer.hasGiven = true;
  }

  /** A source gives changes. */
  changed(place: number, changes: readonly Change[]): void {
    const { entries } = this.#at(place);
    for (const change of changes) {
      if (change.kind === 'put') {
        entries.set(change.entry.key, change.entry);
      } else {
        entries.delete(change.key);
      }
    }
  }

  #isThere({ without }: Layer, place: number): boolean {
    return this.#ranks[place]?.optional === true || without?.length === 0;
  }

  #at(place: number): Layer {
    const layer = this.#layers[place];
    if (!layer) {
      throw new RangeError(`there is no source ${place}`);
    }
    return layer;
  }
}
