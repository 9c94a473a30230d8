import type { Entry } from '../model/entry.ts';

/** Where a tree comes from, written beside it: what another start knows of the same sources it may use. */
export interface Origin {
  /** All of it: the sources in their order, and the prefixes. */
  readonly whole: string;
  /** Each source by its place, with the prefixes. */
  readonly sources: readonly string[];
}

/** What was written of an origin: `sources` is missing in files of before. */
export interface WrittenOrigin {
  readonly origin: string;
  readonly sources?: readonly string[];
}

/** What is written beside a tree of this origin. */
export function writtenOrigin({ whole, sources }: Origin): WrittenOrigin {
  return { origin: whole, sources };
}

/** Where a source is now, by its place then; null where it is none of ours any more. */
export type Places = (place: number) => number | null;

/** Where the sources of what was written are now: `same` where they are the same ones; null where it is of none of ours. */
export function placesNow(
  { origin, sources: then = [] }: WrittenOrigin,
  now: Origin,
): Places | 'same' | null {
  if (origin === now.whole) {
    return 'same';
  }
  const left = new Map(now.sources.entries());
  const places = then.map((source) => {
    const [place] = [...left].find(([, one]) => one === source) ?? [];
    return place !== undefined && left.delete(place) ? place : null;
  });
  return places.every((place) => place === null) ? null : (place) => places[place] ?? null;
}

/** An entry at the place where its source is now, with what is kept of it; null where that is none of ours any more. */
export function entryAt(entry: Entry, places: Places): Entry | null {
  const source = places(entry.source);
  if (source === null) {
    return null;
  }
  const { kept, ...rest } = entry;
  const form = kept && entryAt(kept.form, places);
  return { ...rest, source, ...(kept && form ? { kept: { ...kept, form } } : {}) };
}

/** All of some entries whose sources are ours still, at the places where these are now. */
export function entriesAt(entries: readonly Entry[], places: Places): readonly Entry[] {
  return entries.flatMap((entry) => entryAt(entry, places) ?? []);
}
