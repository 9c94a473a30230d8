import type { Source, SourceEvent } from '../ports/source.ts';
import { type EventQueue, eventsOf } from './event-queue.ts';
import { Layers } from './layers.ts';

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
      const layers = new Layers(all.length);
      for (const [place, entries] of all.entries()) {
        layers.replace(place, entries);
      }
      return layers.entries();
    },
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, async (queue, inner) => {
        const merger = new Merger(sources.length, queue);
        await Promise.all(sources.map((source, place) => feed(merger, { source, place, signal: inner })));
      }),
  };
}

interface Feeding {
  readonly source: Source;
  readonly place: number;
  readonly signal: AbortSignal;
}

async function feed(merger: Merger, { source, place, signal }: Feeding): Promise<void> {
  for await (const event of source.watch(signal)) {
    merger.take(place, event);
  }
}

class Merger {
  readonly #queue: EventQueue<SourceEvent>;
  readonly #layers: Layers;
  readonly #revisions: (bigint | null)[];

  constructor(count: number, queue: EventQueue<SourceEvent>) {
    this.#queue = queue;
    this.#layers = new Layers(count);
    this.#revisions = Array(count).fill(null);
  }

  take(place: number, event: SourceEvent): void {
    switch (event.kind) {
      case 'state':
      case 'heard':
      case 'notice':
        this.#queue.push(event);
        return;
      case 'snapshot':
        this.#revisions[place] = event.revision;
        this.#layers.replace(place, event.entries);
        if (!this.#complete) {
          return;
        }
        this.#queue.push({ kind: 'snapshot', entries: this.#layers.entries(), revision: this.#highest });
        return;
      case 'changes': {
        this.#revisions[place] = event.revision;
        const changes = event.changes.flatMap((change) => this.#layers.apply(place, change));
        if (!this.#complete || changes.length === 0) {
          return;
        }
        this.#queue.push({ kind: 'changes', changes, revision: this.#highest });
        return;
      }
      default:
        event satisfies never;
    }
  }

  get #complete(): boolean {
    return this.#revisions.every((revision) => revision !== null);
  }

  get #highest(): bigint {
    return this.#revisions.reduce<bigint>((a, b) => (b !== null && b > a ? b : a), 0n);
  }
}
