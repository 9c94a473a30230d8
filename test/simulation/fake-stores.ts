import type { Entry } from '../../src/model/entry.ts';
import { SERVICES } from './actions.ts';
import { FakeStore } from './fake-store.ts';

/** Whether a start may do without a source of which nothing is known. */
export interface SourceRank {
  readonly optional: boolean;
}

/** The one source of most worlds. */
export const ONE_SOURCE: readonly SourceRank[] = [{ optional: false }];

/** The stores of a world, each of them a source: of equal keys that of the last one counts. */
export class FakeStores {
  readonly ranks: readonly SourceRank[];
  readonly all: readonly FakeStore[];

  constructor(ranks: readonly SourceRank[]) {
    this.ranks = ranks;
    this.all = ranks.map((_, place) => new FakeStore(place));
  }

  /** What should be seen of all of them. */
  get entries(): readonly Entry[] {
    return [
      ...new Map(
        this.all.flatMap(({ entries }) => entries.map((entry) => [entry.key, entry] as const)),
      ).values(),
    ];
  }

  /** Calls `listener` after each change of any, until the returned function is called. */
  onChange(listener: () => void): () => void {
    const stops = this.all.map((store) => store.onChange(listener));
    return () => {
      for (const stop of stops) {
        stop();
      }
    };
  }

  /** Those that an action is about: one, or all. */
  at(place: number | undefined): readonly FakeStore[] {
    return place === undefined ? this.all : this.all.slice(place, place + 1);
  }

  /** Writes (a text) and deletes (null) keys, at once in each store: in `place`, or each where it is at home. */
  write(keys: ReadonlyMap<string, string | null>, place?: number): void {
    for (const [at, store] of this.all.entries()) {
      const own = [...keys].filter(([key]) => (place ?? this.#homeOf(key)) === at);
      if (own.length > 0) {
        store.write(new Map(own));
      }
    }
  }

  /** Deletes what is found, wherever it is. */
  delete(is: (entry: Entry) => boolean): void {
    for (const store of this.all) {
      store.write(new Map(store.entries.filter(is).map(({ key }) => [key, null])));
    }
  }

  /** A service, with its route, is of one store. */
  #homeOf(key: string): number {
    const service = SERVICES.indexOf(key.split('/')[2] ?? '');
    return Math.max(0, service) % this.all.length;
  }
}
