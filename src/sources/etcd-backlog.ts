/** etcd gives a watch that lags behind up to 1,000 revisions every 100 ms. */
const PER_REVISION = 0.1;
/** Several watches give nothing out until they are in step, and only a time of quiet shows that: see `followStream`. */
const IN_STEP = 550;
/** A backlog that takes so long is followed, whatever a full read would take: events say more than two trees. */
const SHORT = 700;
/** A full read of a store that is busy may take longer than the last one. */
const DOUBT = 2;
/**
 * For each 1,000 revisions etcd reads all events of the backlog again, those of others too, and lets nobody write until
 * it has: with so many a full read in pages, which hinders nobody, is better for all.
 */
const MANY_EVENTS = 20_000;

/** What is known when a stream is about to be resumed. */
export interface Backlog {
  /** Revisions of the store since the last one that we have. */
  readonly revisions: bigint;
  /** Events that a revision had lately. */
  readonly eventsEach: number;
  readonly watches: number;
  /** Milliseconds that the last full read took. */
  readonly readTook: number;
}

/** Whether reading everything at one revision is better than to be told what was missed, one by one. */
export function readIsQuicker({ revisions, eventsEach, watches, readTook }: Backlog): boolean {
  if (Number(revisions) * eventsEach > MANY_EVENTS) {
    return true;
  }
  const following = Number(revisions) * PER_REVISION + (watches > 1 ? IN_STEP : 0);
  return following > SHORT && following > readTook * DOUBT;
}

/** How much the newest revision counts. */
const WEIGHT = 1 / 16;

/** How many events a revision has, by those that came last. */
export class EventsEach {
  #mean = 1;

  get mean(): number {
    return this.#mean;
  }

  note(events: number): void {
    this.#mean += (events - this.#mean) * WEIGHT;
  }
}
