import type { Change, Entry } from '../model/entry.ts';
import type { KnownLayers, Source, SourceEvent } from '../ports/source.ts';
import { eventsOf, type Push } from './events-of.ts';
import { JoiningQueue } from './joining-queue.ts';
import { SourceLayer } from './source-layer.ts';

/**
 * Makes one source of several: a later one wins a key, and where it gives the key up, the earlier one's shows
 * again.
 *
 * The first snapshot waits until every source has given its own. A prefix of one that may not be read keeps what is known of
 * it, and a source that gives nothing is stood in for by what is known of it, once it is waited for no longer; where nothing
 * is known, only an optional one may be missing. States are passed on as they are, each naming its source. An event's
 * `revision` is the highest of all sources. Changes that wait to be taken become one event, of several whole transactions:
 * taking them costs what they change, and once what follows from all keys together.
 */
export function mergeSources(sources: readonly Source[]): Source {
  return {
    name: sources.map(({ name }) => name).join(', '),
    async read(signal) {
      const all = await Promise.all(sources.map((source) => source.read(signal)));
      return topmost(all.map((entries) => SourceLayer.of(entries)));
    },
    watch: (signal, known) =>
      eventsOf<SourceEvent>(
        signal,
        async (push, inner) => {
          const merger = new Merger(sources, known ?? null, push);
          const feed = async (source: Source, place: number) => {
            for await (const event of source.watch(inner)) {
              merger.take(place, event);
            }
          };
          const onGivenUp = () => merger.giveUp();
          known?.gaveUp.addEventListener('abort', onGivenUp, { once: true, signal: inner });
          await Promise.all(sources.map(feed));
        },
        new JoiningQueue(),
      ),
    async earlier(entries, signal) {
      const of = Map.groupBy(entries, ({ source }) => source);
      const found = await Promise.all(
        [...of].map(async ([place, own]) => (await sources[place]?.earlier?.(own, signal)) ?? []),
      );
      return new Map(found.flatMap((each) => [...each]));
    },
  };
}

/** What of equal keys is seen, that of the last source. */
export function topmost(layers: readonly SourceLayer[]): readonly Entry[] {
  const [only, another] = layers;
  return only && !another
    ? [...only.entries.values()]
    : [...new Map(layers.flatMap(({ entries }) => [...entries])).values()];
}

/** Takes the events of each source by its place. */
class Merger {
  readonly #layers: readonly SourceLayer[];
  readonly #push: Push<SourceEvent>;
  readonly #known: KnownLayers | null;
  #begun = false;
  readonly #revisions = new Map<number, bigint>();

  constructor(sources: readonly Source[], known: KnownLayers | null, push: Push<SourceEvent>) {
    this.#known = known;
    this.#push = push;
    this.#layers = sources.map(
      ({ optional = false }, place) => new SourceLayer({ optional, known: known?.of(place) ?? null }),
    );
  }

  /** What has given nothing yet is waited for no longer. */
  giveUp(): void {
    if (!this.#begun && this.#layers.some(({ hasGiven }) => hasGiven)) {
      this.#give();
    }
  }

  take(place: number, event: SourceEvent): void {
    const layer = this.#layers[place];
    switch (event.kind) {
      case 'state':
        // Of a source that may not be used yet nothing is stale.
        this.#push(
          event.state === 'stale' && layer?.isComplete === false ? { ...event, state: 'connecting' } : event,
        );
        break;
      case 'notice':
        this.#push(event);
        break;
      case 'heard':
        if (event.what === 'changes' ? layer?.isComplete : layer?.completes(event.refused)) {
          this.#push(event);
        }
        break;
      case 'snapshot':
        this.#revisions.set(place, event.revision);
        layer?.replace(event);
        this.#give();
        break;
      case 'changes':
        this.#revisions.set(place, event.revision);
        this.#change(place, event.changes);
        break;
      default:
        event satisfies never;
    }
  }

  #give(): void {
    const gaveUp = this.#known?.gaveUp.aborted ?? false;
    this.#begun ||= this.#layers.every(
      ({ isComplete, hasGiven, isOptional }) =>
        (isComplete && (hasGiven || gaveUp)) || (isOptional && gaveUp),
    );
    if (this.#begun) {
      this.#push({
        kind: 'snapshot',
        entries: topmost(this.#layers),
        revision: highest(this.#revisions.values()),
      });
    }
  }

  #change(place: number, all: readonly Change[]): void {
    const changes = all.flatMap((change) => apply(this.#layers, place, change));
    if (this.#begun && changes.length > 0) {
      this.#push({ kind: 'changes', changes, revision: highest(this.#revisions.values()) });
    }
  }
}

function highest(revisions: Iterable<bigint>): bigint {
  return [...revisions].reduce((one, other) => (one > other ? one : other), 0n);
}

/** Applies a change of one layer; gives the change of what is seen, or none where a higher layer hides it. */
function apply(layers: readonly SourceLayer[], place: number, change: Change): readonly Change[] {
  const layer = layers[place]?.entries;
  const key = change.kind === 'put' ? change.entry.key : change.key;
  if (change.kind === 'put') {
    layer?.set(key, change.entry);
  } else if (!layer?.delete(key)) {
    return [];
  }
  if (layers.slice(place + 1).some(({ entries }) => entries.has(key))) {
    return [];
  }
  const seen = layers.findLast(({ entries }) => entries.has(key))?.entries.get(key);
  return [seen ? { kind: 'put', entry: seen } : change];
}
