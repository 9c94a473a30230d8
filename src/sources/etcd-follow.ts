import type { SourceEvent } from '../reconcile/interfaces.ts';
import { abortable, pause } from './abortable.ts';
import { connectEtcd, type EtcdConnection } from './etcd-client.ts';
import { type Explained, etcdError, explainEtcdError } from './etcd-error.ts';
import { type EtcdSourceOptions, etcdName } from './etcd-options.ts';
import { Reread } from './etcd-reread.ts';
import { allowedRanges, readSnapshot } from './etcd-snapshot.ts';
import { followStream, type StreamEnd } from './etcd-stream.ts';
import type { EventQueue } from './event-queue.ts';
import type { KeyRange } from './key-ranges.ts';
import { RevisionMerger } from './revision-merger.ts';
import { StateTeller } from './state-teller.ts';

const LONGEST_PAUSE = 3_000;
/** A stream that lived this long was a good one: the next failure is the first again. */
const PROVEN = 5_000;
const DEFAULT_REREAD = 420_000;

/** Where we stand in the store: what was read, and what comes next. */
interface Position {
  readonly ranges: readonly KeyRange[];
  readonly clusterId: string;
  readonly merger: RevisionMerger;
}

/**
 * Follows etcd until `signal` aborts: connects to one member after the other, reads everything where it must,
 * watches from there, and tells `queue`. Whatever can heal is retried for ever.
 */
export async function followEtcd(
  options: EtcdSourceOptions,
  ranges: readonly KeyRange[],
  { queue, signal }: { readonly queue: EventQueue<SourceEvent>; readonly signal: AbortSignal },
): Promise<void> {
  await new EtcdFollower(options, ranges, queue).run(signal);
}

class EtcdFollower {
  readonly #options: EtcdSourceOptions;
  readonly #ranges: readonly KeyRange[];
  readonly #queue: EventQueue<SourceEvent>;
  readonly #state: StateTeller;
  readonly #failures = new Map<string, Explained>();
  #position: Position | null = null;
  #fruitless = 0;

  constructor(options: EtcdSourceOptions, ranges: readonly KeyRange[], queue: EventQueue<SourceEvent>) {
    this.#options = options;
    this.#ranges = ranges;
    this.#queue = queue;
    this.#state = new StateTeller(queue, { index: options.index, name: etcdName(options) });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { endpoints } = this.#options;
    // Not all instances of a fleet shall hang on the first member.
    let place = Math.floor(Math.random() * endpoints.length);
    let tries = 0;
    while (!signal.aborted) {
      const endpoint = endpoints[place++ % endpoints.length] ?? '';
      const began = performance.now();
      const end = await this.#connect(endpoint, signal);
      if (end.kind === 'aborted') return;
      tries = performance.now() - began > PROVEN ? 1 : tries + 1;
      this.#judge(endpoint, end);
      // The same member can be asked again at once for what it has: it answered.
      if (end.kind === 'outdated' && tries === 1) place--;
      await pause(backOff(Math.ceil(tries / endpoints.length)), signal);
    }
  }

  async #connect(endpoint: string, signal: AbortSignal): Promise<StreamEnd> {
    try {
      using connection = await abortable(connectEtcd(endpoint, this.#options), signal);
      await connection.authenticate(signal);
      const position = await this.#locate(connection, signal);
      return await this.#follow(connection, position, signal);
    } catch (error) {
      if (signal.aborted) return { kind: 'aborted' };
      // These two are bugs of ours, and no retry helps.
      if (error instanceof TypeError || error instanceof ReferenceError) throw error;
      return { kind: 'lost', error, events: 0 };
    }
  }

  /** Goes on where we are, or reads everything when there is nothing to go on from. */
  async #locate(connection: EtcdConnection, signal: AbortSignal): Promise<Position> {
    if (this.#position) {
      const { ranges } = await allowedRanges(connection, this.#ranges, signal);
      if (sameRanges(ranges, this.#position.ranges)) return this.#position;
    }
    const { index, limits } = this.#options;
    const { entries, revision, ranges, clusterId } = await readSnapshot(connection, this.#ranges, {
      index,
      limits,
      signal,
    });
    this.#queue.push({ kind: 'snapshot', entries, revision });
    const merger = new RevisionMerger(ranges.map(() => revision + 1n));
    this.#position = { ranges, clusterId, merger };
    return this.#position;
  }

  async #follow(connection: EtcdConnection, position: Position, signal: AbortSignal): Promise<StreamEnd> {
    const over = new AbortController();
    const reread = new Reread({
      every: this.#options.rereadEvery ?? DEFAULT_REREAD,
      read: async () => {
        await connection.authenticate(over.signal);
        return readSnapshot(connection, position.ranges, {
          index: this.#options.index,
          limits: this.#options.limits,
          signal: over.signal,
        });
      },
      tell: (event) => this.#queue.push(event),
    });
    try {
      return await followStream(connection, {
        ...position,
        index: this.#options.index,
        limits: this.#options.limits,
        signal,
        onLive: () => {
          this.#failures.clear();
          this.#state.live();
          reread.start();
        },
        onRevision: (revision) => {
          reread.note(revision);
          this.#queue.push({ kind: 'changes', ...revision });
        },
      });
    } finally {
      reread.stop();
      over.abort();
    }
  }

  /** Learns from the end of a stream. */
  #judge(endpoint: string, end: StreamEnd): void {
    if (end.kind === 'outdated') {
      this.#position = null;
      return;
    }
    if (end.kind !== 'lost') return;
    const stood = this.#state.isLive;
    // A backlog that etcd cannot bring together in time would end every stream anew.
    this.#fruitless = stood && end.events === 0 ? this.#fruitless + 1 : 0;
    if (this.#fruitless > 2) this.#position = null;
    this.#failures.set(endpoint, explainEtcdError(end.error, endpoint, this.#options));
    // Told when a stream is lost, and then after each full round, so that rotating is no news.
    if (!stood && this.#failures.size < this.#options.endpoints.length) return;
    const ordered = this.#options.endpoints.flatMap((name) => {
      const failure = this.#failures.get(name);
      return failure ? [[name, failure] as const] : [];
    });
    this.#state.failed(etcdError(new Map(ordered), 'watching etcd', end.error));
  }
}

function sameRanges(a: readonly KeyRange[], b: readonly KeyRange[]): boolean {
  return (
    a.length === b.length && a.every((range, place) => range.start.equals(b[place]?.start ?? Buffer.of()))
  );
}

/** Milliseconds before the next try: grows to 3 s, spread so that a fleet does not come back in step. */
function backOff(round: number): number {
  const longest = Math.min(LONGEST_PAUSE, 100 * 2 ** Math.min(round - 1, 10));
  return longest * (0.5 + Math.random() / 2);
}
