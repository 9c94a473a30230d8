/** etcd gives a watch that lags behind up to 1,000 revisions every 100 ms. */
const PER_REVISION = 0.1;
/** Several watches give nothing out until they are in step, and only a time of quiet shows that: see `followStream`. */
const IN_STEP = 550;
/** A backlog that takes so long is followed, whatever a full read would take: events say more than two trees. */
const SHORT = 700;
/** A full read of a store that is busy may take longer than the last one. */
const DOUBT = 2;

/** What is known when a stream is about to be resumed. */
export interface Backlog {
  /** Revisions of the store since the last one that we have. */
  readonly revisions: bigint;
  readonly watches: number;
  /** Milliseconds that the last full read took. */
  readonly readTook: number;
}

/** Whether reading everything at one revision brings us up to date sooner than what was missed, one by one. */
export function readIsQuicker({ revisions, watches, readTook }: Backlog): boolean {
  const following = Number(revisions) * PER_REVISION + (watches > 1 ? IN_STEP : 0);
  return following > SHORT && following > readTook * DOUBT;
}
