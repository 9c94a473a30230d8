import type { Change, Entry } from '../model/entry.ts';

/** The trees of several sources, one above the other: of equal keys the highest one is seen. */
export class Layers {
  readonly #layers: Map<string, Entry>[];

  constructor(count: number) {
    this.#layers = Array.from({ length: count }, () => new Map());
  }

  /** All that is seen. */
  entries(): readonly Entry[] {
    const seen = new Map<string, Entry>();
    for (const layer of this.#layers) {
      for (const [key, entry] of layer) {
        seen.set(key, entry);
      }
    }
    return [...seen.values()];
  }

  replace(place: number, entries: readonly Entry[]): void {
    this.#layers[place] = new Map(entries.map((entry) => [entry.key, entry]));
  }

  /** Applies a change of one layer; gives the change of what is seen, or none where a higher layer hides it. */
  apply(place: number, change: Change): readonly Change[] {
    const layer = this.#layers[place];
    const key = change.kind === 'put' ? change.entry.key : change.key;
    if (change.kind === 'put') {
      layer?.set(key, change.entry);
    } else if (!layer?.delete(key)) {
      return [];
    }
    if (this.#layers.slice(place + 1).some((higher) => higher.has(key))) {
      return [];
    }
    if (change.kind === 'put') {
      return [change];
    }
    const below = this.#layers
      .slice(0, place)
      .findLast((lower) => lower.has(key))
      ?.get(key);
    return [below ? { kind: 'put', entry: below } : change];
  }
}
