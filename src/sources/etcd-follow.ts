import { pauseAfter } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import type { SourceEvent } from '../ports/source.ts';
import { connectEtcd, type EtcdConnection } from './etcd-client.ts';
import { DeniedError, withRoles } from './etcd-denied.ts';
import { etcdError, explainEtcdError } from './etcd-error.ts';
import type { Explained } from './etcd-error-rules.ts';
import { BACK_OFF, EtcdMembers } from './etcd-members.ts';
import { type EtcdSourceOptions, etcdName } from './etcd-options.ts';
import { PagePatience } from './etcd-patience.ts';
import { rereading } from './etcd-reread.ts';
import { allowedRanges, bounds, type EtcdSnapshot, readSnapshot, SurfeitError } from './etcd-snapshot.ts';
import { followStream, type StreamEnd } from './etcd-stream.ts';
import { Witness } from './etcd-witness.ts';
import type { Push } from './events-of.ts';
import type { KeyRange } from './key-ranges.ts';
import { RevisionMerger } from './revision-merger.ts';
import { type StateTeller, stateTeller } from './state-teller.ts';

/** The longest pause where a member answers but does not serve us: it may be at its limits. */
const LONGEST_PAUSE = 3_000;
/** The same where it says at once what it does not permit. */
const LONGEST_PERMISSION_PAUSE = 600;
/** So often it is asked for prefixes that may not be read. */
const ASK_AGAIN = 500;
/** The same where all that was read was too much: a whole fleet would read it again and again. */
const LONGEST_SURFEIT_PAUSE = 15_000;
/** A stream that lived this long, or brought anything new, was a good one: the next failure is the first again. */
const PROVEN = 5_000;
const DEFAULT_REREAD = 420_000;
/** So often a full read instead of a backlog may fail: following gets on with each try, reading begins anew. */
const SHORTCUTS = 3;

/** Where we stand in the store: what was read, and what comes next. */
interface Position {
  readonly ranges: readonly KeyRange[];
  /** Prefixes of which nothing may be read. */
  readonly refused: readonly string[];
  readonly clusterId: string | null;
  readonly merger: RevisionMerger;
  readonly witness: Witness;
}

/** What became of one member that answered. */
interface Visit {
  readonly end: StreamEnd;
  readonly endpoint: string;
  /** Milliseconds. */
  readonly lived: number;
}

/**
 * Follows etcd until `signal` aborts: connects to one member after the other, reads everything where it must,
 * watches from there, and tells `push`. Whatever can heal is retried for ever.
 */
export async function followEtcd(
  options: EtcdSourceOptions,
  ranges: readonly KeyRange[],
  { push, signal }: { readonly push: Push<SourceEvent>; readonly signal: AbortSignal },
): Promise<void> {
  await new EtcdFollower(options, ranges, push).run(signal);
}

class EtcdFollower {
  readonly #options: EtcdSourceOptions;
  readonly #ranges: readonly KeyRange[];
  readonly #push: Push<SourceEvent>;
  readonly #state: StateTeller;
  readonly #members: EtcdMembers<EtcdConnection>;
  readonly #failures = new Map<string, Explained>();
  readonly #patience = new PagePatience();
  /** Endpoints that answer no progress requests. */
  readonly #mute = new Set<string>();
  #position: Position | null = null;
  #fruitless = 0;
  #shortcuts = 0;
  #readTook = 0;

  constructor(options: EtcdSourceOptions, ranges: readonly KeyRange[], push: Push<SourceEvent>) {
    this.#options = options;
    this.#ranges = ranges;
    this.#push = push;
    this.#state = stateTeller(push, { index: options.index, name: etcdName(options) });
    this.#members = new EtcdMembers({
      endpoints: options.endpoints,
      connect: (endpoint) => connectEtcd(endpoint, options),
      onFailure: (endpoint, error) => this.#failed(endpoint, error, 'at first'),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    let tries = 0;
    let reached = 0n;
    while (!signal.aborted) {
      const { end, endpoint, lived } = await this.#visit(signal);
      if (end.kind === 'aborted') {
        return;
      }
      const revision = this.#position?.witness.revision ?? 0n;
      tries = lived > PROVEN || revision > reached ? 1 : tries + 1;
      reached = revision;
      this.#judge(endpoint, end);
      // The same member can be asked again at once for what it has: it answered.
      if (end.kind === 'outdated' && tries === 1) {
        this.#members.stay();
      }
      const round = Math.ceil(tries / this.#options.endpoints.length);
      await rest(pauseAfter(round, { ...BACK_OFF, longest: longest(end) }), signal);
    }
  }

  async #visit(signal: AbortSignal): Promise<Visit> {
    let endpoint = '';
    let began = Number.POSITIVE_INFINITY;
    const visit = (end: StreamEnd): Visit => ({
      end,
      endpoint,
      lived: Math.max(0, performance.now() - began),
    });
    try {
      using connection = await this.#members.answering(signal);
      endpoint = connection.endpoint;
      try {
        await connection.authenticate(signal);
        const position = await this.#locate(connection, signal);
        // However long a read took that failed: only a stream proves anything.
        began = performance.now();
        const end = await this.#follow(connection, position, signal);
        return visit(
          end.kind === 'lost' ? { ...end, error: await withRoles(end.error, connection, signal) } : end,
        );
      } catch (error) {
        throw await withRoles(error, connection, signal);
      }
    } catch (error) {
      if (signal.aborted) {
        return visit({ kind: 'aborted' });
      }
      // These two are bugs of ours, and no retry helps.
      if (error instanceof TypeError || error instanceof ReferenceError) {
        throw error;
      }
      return visit({ kind: 'lost', error, events: 0 });
    }
  }

  /** Goes on where we are, or reads everything when there is nothing to go on from, or too much to catch up with. */
  async #locate(connection: EtcdConnection, signal: AbortSignal): Promise<Position> {
    if (this.#position) {
      const { witness } = this.#position;
      const [{ ranges, revision }, same] = await Promise.all([
        allowedRanges(connection, this.#ranges, signal),
        witness.confirms(connection, signal),
      ]);
      const backlog = {
        revisions: revision - witness.revision,
        watches: ranges.length,
        readTook: this.#readTook,
      };
      const quicker = this.#shortcuts < SHORTCUTS && readIsQuicker(backlog);
      const wentBack = revision < witness.revision;
      if (same && !wentBack && sameRanges(ranges, this.#position.ranges) && !quicker) {
        return this.#position;
      }
      if (quicker) {
        this.#shortcuts++;
      }
    }
    const { entries, revision, ranges, refused, clusterId } = await this.#read(
      connection,
      this.#ranges,
      signal,
    );
    this.#push({ kind: 'snapshot', entries, revision, ...partOf(refused) });
    const merger = new RevisionMerger(ranges.map(() => revision + 1n));
    this.#position = { ranges, refused, clusterId, merger, witness: new Witness({ entries, revision }) };
    return this.#position;
  }

  async #read(
    connection: EtcdConnection,
    ranges: readonly KeyRange[],
    signal: AbortSignal,
  ): Promise<EtcdSnapshot> {
    const { index, limits } = this.#options;
    const began = performance.now();
    const snapshot = await readSnapshot(connection, ranges, {
      index,
      limits,
      patience: this.#patience,
      signal,
    });
    this.#readTook = performance.now() - began;
    return snapshot;
  }

  async #follow(connection: EtcdConnection, position: Position, signal: AbortSignal): Promise<StreamEnd> {
    const over = new AbortController();
    const reread = rereading({
      every: this.#options.rereadEvery ?? DEFAULT_REREAD,
      read: async () => {
        await connection.authenticate(over.signal);
        const snapshot = await this.#read(connection, position.ranges, over.signal);
        if (snapshot.refused.length > 0) {
          throw new DeniedError(snapshot.refused, connection.user);
        }
        return snapshot;
      },
      tell: ({ entries, revision, read }) => {
        position.witness.reread({ entries, revision }, read);
        this.#push({ kind: 'snapshot', entries, revision, ...partOf(position.refused) });
      },
    });
    const permitted = new AbortController();
    try {
      const end = await followStream(connection, {
        ...position,
        index: this.#options.index,
        limits: this.#options.limits,
        mute: this.#mute.has(connection.endpoint),
        signal: AbortSignal.any([signal, permitted.signal]),
        onLive: () => {
          this.#failures.clear();
          this.#shortcuts = 0;
          void this.#tellLive(connection, position, over.signal);
          void reread.run(over.signal);
          void this.#whenPermitted(connection, position, {
            signal: over.signal,
            onPermitted: () => permitted.abort(),
          });
        },
        onMute: () => this.#tellMute(connection.endpoint),
        onRevision: (revision) => {
          reread.note(revision);
          if (position.witness.knows(revision)) {
            return;
          }
          this.#push({ kind: 'changes', ...revision });
        },
      });
      return permitted.signal.aborted && !signal.aborted ? { kind: 'outdated', why: 'more permitted' } : end;
    } finally {
      over.abort();
    }
  }

  async #tellLive(connection: EtcdConnection, { refused }: Position, signal: AbortSignal): Promise<void> {
    if (refused.length === 0) {
      this.#state.live();
      return;
    }
    const roles = await connection.roles(signal);
    if (!signal.aborted) {
      const error = new DeniedError(refused, connection.user, roles);
      const { endpoint } = connection;
      const found = new Map([[endpoint, explainEtcdError(error, endpoint, this.#options)]]);
      this.#state.partly(refused, etcdError(found, 'watching etcd', error));
    }
  }

  /** Asks for what is refused until something of it may be read, or `signal` aborts. */
  async #whenPermitted(
    connection: EtcdConnection,
    { refused }: Position,
    { signal, onPermitted }: { readonly signal: AbortSignal; readonly onPermitted: () => void },
  ): Promise<void> {
    const ranges = this.#ranges.filter(({ prefix }) => refused.includes(prefix || '/'));
    while (ranges.length > 0 && !signal.aborted) {
      await rest(ASK_AGAIN, signal);
      for (const range of signal.aborted ? [] : ranges) {
        try {
          await connection.ask({ ...bounds(range), limit: 1, keys_only: true }, signal);
          onPermitted();
          return;
        } catch (error) {
          // Whether etcd is well is the stream's business; what changes permissions may end our token.
          if (/auth token|auth store/.test(String(error))) {
            await connection.authenticate(signal).catch(() => undefined);
          }
        }
      }
    }
  }

  #tellMute(endpoint: string): void {
    if (this.#mute.has(endpoint)) {
      return;
    }
    this.#mute.add(endpoint);
    const cost =
      'a change of several prefixes at once may arrive in parts, and a connection that died is noticed within 4 s';
    this.#push({
      kind: 'notice',
      message: `watching etcd: ${endpoint}: it answers no progress requests, as "etcd grpc-proxy" does: ${cost}`,
      hint: 'where that matters, name the members of etcd themselves in "endpoints"',
    });
  }

  /** Learns from the end of a stream. */
  #judge(endpoint: string, end: StreamEnd): void {
    if (end.kind === 'outdated') {
      this.#position = null;
      return;
    }
    if (end.kind !== 'lost') {
      return;
    }
    // A backlog that etcd cannot bring together in time would end every stream anew.
    this.#fruitless = this.#state.isLive && end.events === 0 ? this.#fruitless + 1 : 0;
    if (this.#fruitless > 2) {
      this.#position = null;
    }
    this.#failed(endpoint, end.error, 'after it answered');
  }

  /** Told when a stream is lost, and then after each full round, so that rotating is no news. */
  #failed(endpoint: string, error: unknown, when: 'at first' | 'after it answered'): void {
    const options = { ...this.#options, hasAnswered: when === 'after it answered' };
    this.#failures.set(endpoint, explainEtcdError(error, endpoint, options));
    const { endpoints } = this.#options;
    if (!this.#state.isLive && this.#failures.size < endpoints.length) {
      return;
    }
    const ordered = endpoints.flatMap((name) => {
      const failure = this.#failures.get(name);
      return failure ? [[name, failure] as const] : [];
    });
    this.#state.failed(etcdError(new Map(ordered), 'watching etcd', error));
  }
}

function partOf(refused: readonly string[]): { readonly refused?: readonly string[] } {
  return refused.length === 0 ? {} : { refused };
}

function sameRanges(a: readonly KeyRange[], b: readonly KeyRange[]): boolean {
  return (
    a.length === b.length && a.every((range, place) => range.start.equals(b[place]?.start ?? Buffer.of()))
  );
}

function longest(end: StreamEnd): number {
  if (end.kind !== 'lost') {
    return LONGEST_PAUSE;
  }
  if (end.error instanceof SurfeitError) {
    return LONGEST_SURFEIT_PAUSE;
  }
  return String(end.error).includes('permission denied') ? LONGEST_PERMISSION_PAUSE : LONGEST_PAUSE;
}

/** etcd gives a watch that lags behind up to 1,000 revisions every 100 ms. */
const PER_REVISION = 0.1;
/** Several watches give nothing out until they are in step, and only a time of quiet shows that: see `followStream`. */
const IN_STEP = 550;
/** A backlog that takes so long is followed, whatever a full read would take: events say more than two trees. */
const SHORT = 700;
/** A full read of a store that is busy may take longer than the last one. */
const DOUBT = 2;

/** What is known when a stream is about to be resumed. */
interface Backlog {
  /** Revisions of the store since the last one that we have. */
  readonly revisions: bigint;
  readonly watches: number;
  /** Milliseconds that the last full read took. */
  readonly readTook: number;
}

/** Whether reading everything at one revision brings us up to date sooner than what was missed, one by one. */
function readIsQuicker({ revisions, watches, readTook }: Backlog): boolean {
  const following = Number(revisions) * PER_REVISION + (watches > 1 ? IN_STEP : 0);
  return following > SHORT && following > readTook * DOUBT;
}
