import type { IEvent, IWatchResponse } from 'etcd3';
import type { EtcdConnection, WatchStream } from './etcd-client.ts';
import { bounds, type Reading, toEntry } from './etcd-snapshot.ts';
import type { KeyRange } from './key-ranges.ts';
import type { RangedChange, Revision, RevisionMerger } from './revision-merger.ts';

/** Why a stream ended. */
export type StreamEnd =
  /** The connection or the member failed: another try from where we are. */
  | { readonly kind: 'lost'; readonly error: unknown; readonly events: number }
  /** What we have can no longer be continued: everything must be read anew. */
  | { readonly kind: 'outdated'; readonly why: 'compacted' | 'rolled back' | 'other cluster' }
  | { readonly kind: 'aborted' };

/** What a stream needs to know, and whom it tells. */
export interface StreamOptions extends Reading {
  readonly ranges: readonly KeyRange[];
  /** Knows where each range has to start; holds what is not complete yet. */
  readonly merger: RevisionMerger;
  readonly clusterId: string;
  readonly signal: AbortSignal;
  /** All watches stand. */
  onLive(): void;
  onRevision(revision: Revision): void;
}

const CREATE_LIMIT = 2_000;
const PING_EVERY = 1_000;
const PING_LIMIT = 1_500;
/** After this the question whether all watches are in step is asked again: etcd leaves it unanswered when they are not. */
const BARRIER_AGAIN = 100;
/** etcd looks after watches that lag behind every 100 ms, and gives each up to 1,000 revisions then. */
const CATCH_UP_QUIET = 300;

/**
 * Follows etcd on one stream until it ends; never rejects.
 *
 *     created by all -> live: events -> held -> barrier answered -> given out
 *                        every 1 s a ping; 1.5 s without any message after it -> lost
 *
 * There is one watch per range, as permissions often allow no more than these ranges. The watches of a stream send
 * the shares of a transaction one after the other, so an event is given out only after a `progress_request` that
 * was sent after it is answered (one round trip). From 3.4.25 and 3.5.8 on etcd answers when all watches of the
 * stream are in step and after their events; older ones answer at once, and there the share of a watch that is
 * overtaken would come as an event of its own, never out of order for a key and never lost. For this reason
 * nothing is given out while watches catch up after a reconnect.
 */
export function followStream(connection: EtcdConnection, options: StreamOptions): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const follower = new Follower(options, resolve);
    connection.stream(options.signal).then(
      (stream) => follower.begin(stream),
      (error: unknown) => follower.end(lost(error)),
    );
  });
}

class Follower {
  readonly #options: StreamOptions;
  readonly #resolve: (end: StreamEnd) => void;
  readonly #fragments = new Map<string, RangedChange[]>();
  readonly #created = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #onAbort = () => this.end({ kind: 'aborted' });
  #stream: WatchStream | null = null;
  #ended = false;
  #events = 0;
  #messages = 0;
  #barrier: { readonly upTo: bigint; readonly timer: NodeJS.Timeout } | null = null;
  /** The store's revision when the watches were created: events up to it are old ones. */
  #catchUpTo = 0n;
  #quietAt = 0;

  constructor(options: StreamOptions, resolve: (end: StreamEnd) => void) {
    this.#options = options;
    this.#resolve = resolve;
    options.signal.addEventListener('abort', this.#onAbort);
  }

  begin(stream: WatchStream): void {
    stream.on('error', (error) => this.end(lost(error, this.#events)));
    stream.on('end', () => this.end(lost(new Error('it closed the stream'), this.#events)));
    stream.on('data', (message) => this.#receive(message));
    this.#stream = stream;
    if (this.#ended || this.#options.signal.aborted) {
      stream.cancel();
      this.end({ kind: 'aborted' });
      return;
    }
    for (const [place, range] of this.#options.ranges.entries()) {
      stream.write({
        create_request: {
          ...bounds(range),
          start_revision: String(this.#options.merger.next[place] ?? 0n),
          watch_id: String(place + 1),
          fragment: true,
        },
      });
    }
    this.#later(CREATE_LIMIT, () => {
      if (!this.#live) this.end(lost(new Error('no answer to the watch request')));
    });
  }

  /** The first reason counts. Whatever is held is asked for again by the next stream. */
  end(end: StreamEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#barrier) clearTimeout(this.#barrier.timer);
    this.#stream?.cancel();
    this.#options.merger.discard();
    this.#resolve(this.#options.signal.aborted ? { kind: 'aborted' } : end);
  }

  get #live(): boolean {
    return this.#created.size === this.#options.ranges.length;
  }

  #receive(message: IWatchResponse): void {
    if (this.#ended) return;
    this.#messages++;
    if (message.compact_revision !== '0') this.end({ kind: 'outdated', why: 'compacted' });
    else if (message.canceled)
      this.end(lost(new Error(message.cancel_reason || 'it ended the watch'), this.#events));
    else if (message.created) this.#onCreated(message);
    else if (message.events.length > 0 || message.fragment) this.#onEvents(message);
    else this.#onProgress(BigInt(message.header.revision));
  }

  #onCreated({ header, watch_id }: IWatchResponse): void {
    const { merger, clusterId } = this.#options;
    const revision = BigInt(header.revision);
    const rolledBack = merger.next.some((next) => revision < next - 1n);
    if (rolledBack || header.cluster_id !== clusterId) {
      this.end({ kind: 'outdated', why: rolledBack ? 'rolled back' : 'other cluster' });
      return;
    }
    this.#created.add(watch_id);
    if (revision > this.#catchUpTo) this.#catchUpTo = revision;
    if (!this.#live) return;
    const lags = merger.next.length > 1 && merger.next.some((next) => next <= this.#catchUpTo);
    if (lags) this.#quietAt = performance.now() + CATCH_UP_QUIET;
    this.#options.onLive();
    this.#ping();
  }

  #onEvents(message: IWatchResponse): void {
    // Changed at once, also while fragments follow: what is too large is dropped and not collected.
    const changes = this.#fragments.get(message.watch_id) ?? [];
    for (const event of message.events) changes.push(this.#toChange(event, Number(message.watch_id) - 1));
    if (message.fragment) {
      this.#fragments.set(message.watch_id, changes);
      return;
    }
    this.#fragments.delete(message.watch_id);
    this.#events += changes.length;
    if (this.#quietAt > 0 && changes.some(({ revision }) => revision <= this.#catchUpTo)) {
      this.#quietAt = performance.now() + CATCH_UP_QUIET;
    }
    const { merger } = this.#options;
    merger.add(changes);
    if (this.#options.ranges.length === 1) this.#release(merger.highest ?? 0n);
    else if (!this.#barrier) this.#askBarrier();
  }

  #toChange({ type, kv }: IEvent, range: number): RangedChange {
    const revision = BigInt(kv.mod_revision);
    const entry = toEntry(kv, this.#options);
    if (type === 'Delete') return { range, revision, change: { kind: 'delete', key: entry.key } };
    return { range, revision, change: { kind: 'put', entry } };
  }

  #askBarrier(): void {
    const upTo = this.#options.merger.highest;
    if (upTo === null) return;
    const wait = this.#quietAt - performance.now();
    const again = () => {
      this.#barrier = null;
      this.#askBarrier();
    };
    if (wait <= 0) this.#stream?.write({ progress_request: {} });
    this.#barrier = { upTo: wait > 0 ? 0n : upTo, timer: setTimeout(again, wait > 0 ? wait : BARRIER_AGAIN) };
  }

  #onProgress(revision: bigint): void {
    const barrier = this.#barrier;
    if (!barrier || barrier.upTo === 0n) return;
    clearTimeout(barrier.timer);
    this.#barrier = null;
    this.#release(revision < barrier.upTo ? revision : barrier.upTo);
    this.#askBarrier();
  }

  #release(upTo: bigint): void {
    for (const revision of this.#options.merger.release(upTo)) this.#options.onRevision(revision);
  }

  #ping(): void {
    this.#later(PING_EVERY, () => {
      const before = this.#messages;
      this.#stream?.write({ progress_request: {} });
      this.#later(PING_LIMIT, () => {
        // When this process itself was stopped, the answer may wait in the socket: a moment to read it.
        this.#later(50, () => {
          if (this.#messages === before) this.end(lost(new Error('no answer to a ping'), this.#events));
          else this.#ping();
        });
      });
    });
  }

  #later(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#ended) act();
    }, milliseconds);
    this.#timers.add(timer);
  }
}

function lost(error: unknown, events = 0): StreamEnd {
  return { kind: 'lost', error, events };
}
