import { SourceError } from '../errors.ts';
import { type WatchAnswer, type WatchEvent, watchAnswer } from './etcd-answers.ts';
import type { EtcdConnection, WatchStream } from './etcd-client.ts';
import { DeniedError } from './etcd-denied.ts';
import { StreamLife } from './etcd-life.ts';
import type { PagePatience } from './etcd-patience.ts';
import { type Reading, toEntry } from './etcd-snapshot.ts';
import { bounds, isWithin, type KeyRange } from './key-ranges.ts';
import type { RangedChange, Revision, RevisionMerger } from './revision-merger.ts';

/** Why a stream ended. */
export type StreamEnd =
  /** The connection or the member failed: another try from where we are. */
  | { readonly kind: 'lost'; readonly error: unknown; readonly events: number }
  /** What we have can no longer be continued: everything must be read anew. */
  | {
      readonly kind: 'outdated';
      readonly why: 'compacted' | 'rolled back' | 'other cluster' | 'more permitted';
    }
  | { readonly kind: 'aborted' };

/** What belongs together and came at once was too much: it is to be read in pages. */
export class TogetherError extends SourceError {}

export interface StreamOptions extends Reading {
  readonly ranges: readonly KeyRange[];
  /** Knows where each range has to start; holds what is not complete yet. */
  readonly merger: RevisionMerger;
  readonly clusterId: string | null;
  /** Whether the endpoint is known to answer no progress requests. */
  readonly mute: boolean;
  /** How long each watch may take to be created, and learns from those that did not come: while etcd brings a backlog together it creates none. */
  readonly patience: PagePatience;
  readonly signal: AbortSignal;
  /** All watches stand. */
  onLive(): void;
  onRevision(revision: Revision): void;
  /** The endpoint answers no progress requests. */
  onMute(): void;
}

type Created = Extract<WatchAnswer, { kind: 'created' }>;
type Events = Extract<WatchAnswer, { kind: 'events' }>;

/** After this the question whether all watches are in step is asked again: etcd leaves it unanswered when they are not. */
const BARRIER_AGAIN = 100;
/** etcd looks after watches that lag behind every 100 ms, and gives each up to 1,000 revisions then. */
const CATCH_UP_QUIET = 300;
/** What an event costs beside its key and value, and a fragment beside its events: empty ones without end are noticed too. */
const EVENT_COST = 200;
const FRAGMENT_COST = 1024;

/**
 * Follows etcd on one stream until it ends; never rejects.
 *
 *     created one by one -> live: events -> held -> barrier answered -> given out
 *                           no sign of life -> lost
 *
 * There is one watch per range, as permissions often allow no more than these ranges. The watches of a stream send
 * the shares of a transaction one after the other, so an event is given out only after a `progress_request` that
 * was sent after it is answered (one round trip). From 3.4.25 and 3.5.8 on etcd answers when all watches of the
 * stream are in step and after their events; older ones answer at once, and there the share of a watch that is
 * overtaken would come as an event of its own, never out of order for a key and never lost. For this reason
 * nothing is given out while watches catch up after a reconnect. `etcd grpc-proxy` never answers: there every message
 * is given out as it comes. It also numbers the watches by itself, hence one by one.
 */
export function followStream(connection: EtcdConnection, options: StreamOptions): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const follower = new Follower(connection, options, resolve);
    connection.stream(options.signal).then(
      (stream) => follower.begin(stream),
      (error: unknown) => follower.end(lost(error)),
    );
  });
}

class Follower {
  readonly #connection: EtcdConnection;
  readonly #options: StreamOptions;
  readonly #resolve: (end: StreamEnd) => void;
  readonly #life: StreamLife;
  readonly #mostBytes: number;
  /** The place of the range that a watch is for, by the watch's number. */
  readonly #watches = new Map<string, number>();
  readonly #fragments = new Map<string, RangedChange[]>();
  readonly #onAbort = () => this.end({ kind: 'aborted' });
  #createLimit: NodeJS.Timeout | undefined;
  #stream: WatchStream | null = null;
  #ended = false;
  #events = 0;
  #fragmentBytes = 0;
  #barrier: { readonly upTo: bigint; readonly timer: NodeJS.Timeout } | null = null;
  /** The store's revision when the watches were created: events up to it are old ones. */
  #catchUpTo = 0n;
  #quietAt = 0;

  constructor(connection: EtcdConnection, options: StreamOptions, resolve: (end: StreamEnd) => void) {
    this.#connection = connection;
    this.#options = options;
    this.#resolve = resolve;
    this.#mostBytes = options.limits?.totalBytes ?? Number.POSITIVE_INFINITY;
    this.#life = new StreamLife({
      mute: options.mute,
      ping: () => this.#stream?.write({ progress_request: {} }),
      question: (limit) => connection.probe(options.signal, limit),
      onQuestion: (revision) => {
        const wiped = options.merger.next.some((next) => revision < next - 1n);
        if (wiped) {
          this.end({ kind: 'outdated', why: 'rolled back' });
        }
      },
      onMute: () => {
        options.onMute();
        this.#releaseAll();
      },
      onLost: (error) => this.end(lost(error, this.#events)),
    });
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
    this.#create();
  }

  /** The first reason counts. Whatever is held is asked for again by the next stream. */
  end(end: StreamEnd): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#createLimit);
    this.#life.stop();
    if (this.#barrier) {
      clearTimeout(this.#barrier.timer);
    }
    this.#stream?.cancel();
    this.#fragments.clear();
    this.#options.merger.discard();
    this.#resolve(this.#options.signal.aborted ? { kind: 'aborted' } : end);
  }

  #create(): void {
    const place = this.#watches.size;
    const range = this.#options.ranges[place];
    if (!range) {
      return;
    }
    this.#createLimit = setTimeout(() => {
      this.#options.patience.stayedAway();
      this.end(lost(new Error('no answer to the watch request')));
    }, this.#options.patience.milliseconds);
    this.#stream?.write({
      create_request: {
        ...bounds(range),
        start_revision: String(this.#options.merger.next[place] ?? 0n),
        watch_id: String(place + 1),
        fragment: true,
      },
    });
  }

  #receive(message: unknown): void {
    if (this.#ended) {
      return;
    }
    try {
      this.#take(watchAnswer(message));
    } catch (error) {
      this.end(lost(error, this.#events));
    }
  }

  #take(answer: WatchAnswer): void {
    this.#life.heard();
    switch (answer.kind) {
      case 'compacted':
        this.end({ kind: 'outdated', why: 'compacted' });
        break;
      case 'ended':
        throw this.#whyEnded(answer);
      case 'created':
        this.#onCreated(answer);
        break;
      case 'events':
        this.#onEvents(answer);
        break;
      case 'progress':
        this.#onProgress(answer.revision);
        break;
      default:
        answer satisfies never;
    }
  }

  #whyEnded({ watch, reason }: Extract<WatchAnswer, { kind: 'ended' }>): Error {
    const range = this.#options.ranges[this.#watches.get(watch) ?? this.#watches.size];
    if (range && reason.includes('permission denied')) {
      return new DeniedError([range.prefix || '/'], this.#connection.user);
    }
    return new Error(reason || 'it ended the watch');
  }

  #onCreated({ watch, revision, clusterId }: Created): void {
    const { merger, ranges, clusterId: known } = this.#options;
    const next = merger.next[this.#watches.size];
    if (next === undefined || this.#watches.has(watch)) {
      throw foreign('a watch that was not asked for');
    }
    const rolledBack = revision < next - 1n;
    if (rolledBack || (clusterId !== null && known !== null && clusterId !== known)) {
      this.end({ kind: 'outdated', why: rolledBack ? 'rolled back' : 'other cluster' });
      return;
    }
    this.#watches.set(watch, this.#watches.size);
    clearTimeout(this.#createLimit);
    if (revision > this.#catchUpTo) {
      this.#catchUpTo = revision;
    }
    if (this.#watches.size < ranges.length) {
      this.#create();
      return;
    }
    const lags = ranges.length > 1 && merger.next.some((one) => one <= this.#catchUpTo);
    if (lags) {
      this.#quietAt = performance.now() + CATCH_UP_QUIET;
    }
    this.#options.onLive();
    this.#life.begin();
  }

  #onEvents({ watch, events, fragment }: Events): void {
    const place = this.#watches.get(watch);
    if (place === undefined) {
      throw foreign('events of a watch that was not asked for');
    }
    // Changed at once, also while fragments follow: what is too large is dropped and not collected.
    const changes = this.#fragments.get(watch) ?? [];
    for (const event of events) {
      changes.push(this.#toChange(event, place));
    }
    this.#fragmentBytes += FRAGMENT_COST + sizeOf(changes.slice(changes.length - events.length));
    if (fragment) {
      this.#bound();
      this.#fragments.set(watch, changes);
      return;
    }
    this.#fragments.delete(watch);
    if (this.#fragments.size === 0) {
      this.#fragmentBytes = 0;
    }
    this.#events += changes.length;
    if (this.#quietAt > 0 && changes.some(({ revision }) => revision <= this.#catchUpTo)) {
      this.#quietAt = performance.now() + CATCH_UP_QUIET;
      this.#life.lags();
    }
    this.#options.merger.add(changes);
    // A transaction over several ranges is put together again, where that fits into the memory.
    const full = this.#options.merger.bytes > this.#mostBytes;
    if (this.#options.ranges.length === 1 || this.#life.mute || full) {
      this.#releaseAll();
    } else if (!this.#barrier) {
      this.#askBarrier();
    }
  }

  /** Fragments are held until they are whole, and must not fill the memory, whoever sends them. */
  #bound(): void {
    if (this.#fragmentBytes <= this.#mostBytes) {
      return;
    }
    throw new TogetherError(`more than limits.totalBytes (${this.#mostBytes}) came that belongs together`, {
      hint: 'everything is read anew, in pages; if that happens often, raise limits.totalBytes',
    });
  }

  #toChange({ kind, kv }: WatchEvent, range: number): RangedChange {
    const asked = this.#options.ranges[range];
    if (!asked || !isWithin(asked, kv.key)) {
      throw foreign('a key that was not asked for');
    }
    const entry = toEntry(kv, this.#options);
    const of = { range, revision: kv.modified, bytes: entry.key.length + entry.value.length + EVENT_COST };
    return { ...of, change: kind === 'delete' ? { kind, key: entry.key } : { kind, entry } };
  }

  #askBarrier(): void {
    const upTo = this.#options.merger.highest;
    if (upTo === null || this.#life.mute) {
      return;
    }
    const wait = this.#quietAt - performance.now();
    const again = () => {
      this.#barrier = null;
      this.#askBarrier();
    };
    if (wait <= 0) {
      this.#life.ping();
    }
    this.#barrier = { upTo: wait > 0 ? 0n : upTo, timer: setTimeout(again, wait > 0 ? wait : BARRIER_AGAIN) };
  }

  #onProgress(revision: bigint): void {
    this.#life.answered();
    const barrier = this.#barrier;
    if (!barrier || barrier.upTo === 0n) {
      return;
    }
    clearTimeout(barrier.timer);
    this.#barrier = null;
    this.#release(revision < barrier.upTo ? revision : barrier.upTo);
    this.#askBarrier();
  }

  #releaseAll(): void {
    this.#release(this.#options.merger.highest ?? 0n);
  }

  #release(upTo: bigint): void {
    for (const revision of this.#options.merger.release(upTo)) {
      this.#options.onRevision(revision);
    }
  }
}

function sizeOf(changes: readonly RangedChange[]): number {
  return changes.reduce((sum, { bytes }) => sum + bytes, 0);
}

function foreign(what: string): SourceError {
  return new SourceError(`its answer to a watch is not etcd's: it holds ${what}`);
}

function lost(error: unknown, events = 0): StreamEnd {
  return { kind: 'lost', error, events };
}
