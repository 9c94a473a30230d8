import type { Change, Entry } from '../model/entry.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import { eventsOf, type Push } from './events-of.ts';

/**
 * Makes one source of several: a later one wins a key, and where it gives the key up, the earlier one's shows
 * again.
 *
 * The first snapshot waits until every source has given its own. States are passed on as they are, each naming
 * its source. An event's `revision` is the highest of all sources.
 */
export function mergeSources(sources: readonly Source[]): Source {
  const [only, another] = sources;
  if (only && !another) {
    return only;
  }
  return {
    name: sources.map(({ name }) => name).join(', '),
    async read(signal) {
      const all = await Promise.all(sources.map((source) => source.read(signal)));
      return topmost(all.map(layerOf));
    },
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, async (push, inner) => {
        const take = merger(sources.length, push);
        const feed = async (source: Source, place: number) => {
          for await (const event of source.watch(inner)) {
            take(place, event);
          }
        };
        await Promise.all(sources.map(feed));
      }),
    async earlier(entries, signal) {
      const of = Map.groupBy(entries, ({ source }) => source);
      const found = await Promise.all(
        [...of].map(async ([place, own]) => (await sources[place]?.earlier?.(own, signal)) ?? []),
      );
      return new Map(found.flatMap((each) => [...each]));
    },
  };
}

/** The tree of one source; of equal keys that of the last source is seen. */
type Layer = Map<string, Entry>;

/** Takes the events of each source by its place. */
function merger(count: number, push: Push<SourceEvent>): (place: number, event: SourceEvent) => void {
  const layers: Layer[] = Array.from({ length: count }, () => new Map());
  const revisions: (bigint | null)[] = Array(count).fill(null);
  return (place, event) => {
    if (event.kind !== 'snapshot' && event.kind !== 'changes') {
      push(event);
      return;
    }
    revisions[place] = event.revision;
    if (event.kind === 'snapshot') {
      layers[place] = layerOf(event.entries);
    }
    const changes =
      event.kind === 'changes' ? event.changes.flatMap((change) => apply(layers, place, change)) : [];
    if (revisions.includes(null)) {
      return;
    }
    const revision = revisions.reduce<bigint>((a, b) => (b !== null && b > a ? b : a), 0n);
    if (event.kind === 'snapshot') {
      push({ kind: 'snapshot', entries: topmost(layers), revision });
    } else if (changes.length > 0) {
      push({ kind: 'changes', changes, revision });
    }
  };
}

function layerOf(entries: readonly Entry[]): Layer {
  return new Map(entries.map((entry) => [entry.key, entry]));
}

function topmost(layers: readonly Layer[]): readonly Entry[] {
  return [...new Map(layers.flatMap((layer) => [...layer])).values()];
}

/** Applies a change of one layer; gives the change of what is seen, or none where a higher layer hides it. */
function apply(layers: readonly Layer[], place: number, change: Change): readonly Change[] {
  const layer = layers[place];
  const key = change.kind === 'put' ? change.entry.key : change.key;
  if (change.kind === 'put') {
    layer?.set(key, change.entry);
  } else if (!layer?.delete(key)) {
    return [];
  }
  if (layers.slice(place + 1).some((higher) => higher.has(key))) {
    return [];
  }
  const seen = layers.findLast((one) => one.has(key))?.get(key);
  return [seen ? { kind: 'put', entry: seen } : change];
}
