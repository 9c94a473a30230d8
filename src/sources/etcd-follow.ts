import { pauseAfter } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import type { SourceEvent } from '../ports/source.ts';
import { EventsEach, readIsQuicker } from './etcd-backlog.ts';
import { connectEtcd, type EtcdConnection } from './etcd-client.ts';
import { DeniedError, withRoles } from './etcd-denied.ts';
import { etcdError, explainEtcdError } from './etcd-error.ts';
import type { Explained } from './etcd-error-rules.ts';
import { BACK_OFF, EtcdMembers } from './etcd-members.ts';
import { type EtcdSourceOptions, etcdName } from './etcd-options.ts';
import { PagePatience } from './etcd-patience.ts';
import { rereading } from './etcd-reread.ts';
import { allowedRanges, type EtcdSnapshot, readSnapshot } from './etcd-snapshot.ts';
import { followStream, type StreamEnd, TogetherError } from './etcd-stream.ts';
import { Witness } from './etcd-witness.ts';
import type { Push } from './events-of.ts';
import { bounds, type KeyRange } from './key-ranges.ts';
import { RevisionMerger } from './revision-merger.ts';
import { type StateTeller, stateTeller } from './state-teller.ts';

/** The longest pause where a member answers but does not serve us: it may be at its limits. */
const LONGEST_PAUSE = 3_000;
/** The same where it says at once what it does not permit. */
const LONGEST_PERMISSION_PAUSE = 600;
/** So often it is asked for prefixes that may not be read. */
const ASK_AGAIN = 500;
/** A stream that lived this long, or brought anything new, was a good one: the next failure is the first again. */
const PROVEN = 5_000;
const DEFAULT_REREAD = 420_000;
/** So often a full read instead of a backlog may fail, then it is followed once: that gets on with each try, reading begins anew. */
const SHORTCUTS = 3;
/** Streams in a row that brought nothing, after which everything is read anew. */
const FRUITLESS = 3;
/** A full read beside the stream that takes longer comes less often, so that it takes 1 % of the time: whole fleets read what one host reads. */
const LONG_READ = 4_200;

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
  /** Milliseconds since the stream was asked for; null where it did not come to that. */
  readonly lived: number | null;
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
  /** The last full read: how many milliseconds it took, and when it was over. */
  #lastRead = { took: 0, at: 0 };
  readonly #eventsEach = new EventsEach();

  constructor(options: EtcdSourceOptions, ranges: readonly KeyRange[], push: Push<SourceEvent>) {
    this.#options = options;
    this.#ranges = ranges;
    this.#push = push;
    this.#state = stateTeller(push, { index: options.index, name: etcdName(options) });
    this.#members = new EtcdMembers({
      endpoints: options.endpoints,
      refresh: options.refresh,
      connect: (endpoint) => connectEtcd(endpoint, options),
      onFailure: (endpoint, error) => this.#failed(endpoint, error, 'at first'),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    let tries = 0;
    let reached = 0n;
    while (!signal.aborted) {
      const visited = await this.#visit(signal);
      const { end, lived } = visited;
      if (end.kind === 'aborted') {
        return;
      }
      const revision = this.#position?.witness.revision ?? 0n;
      tries = (lived ?? 0) > PROVEN || revision > reached ? 1 : tries + 1;
      reached = revision;
      this.#judge(visited);
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
    let began: number | null = null;
    const visit = (end: StreamEnd): Visit => ({
      end,
      endpoint,
      lived: began === null ? null : performance.now() - began,
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
        eventsEach: this.#eventsEach.mean,
        watches: ranges.length,
        readTook: this.#lastRead.took,
      };
      const quicker = this.#shortcuts < SHORTCUTS && readIsQuicker(backlog);
      const wentBack = revision < witness.revision;
      if (same && !wentBack && sameRanges(ranges, this.#position.ranges) && !quicker) {
        this.#shortcuts = 0;
        return this.#position;
      }
      if (quicker) {
        this.#shortcuts++;
        // Where masses are written, each read is followed by the next: half of the time is for others.
        await rest(this.#lastRead.at + this.#lastRead.took - performance.now(), signal);
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
    const at = performance.now();
    this.#lastRead = { took: at - began, at };
    return snapshot;
  }

  async #follow(connection: EtcdConnection, position: Position, signal: AbortSignal): Promise<StreamEnd> {
    const over = new AbortController();
    const reread = rereading({
      every: () =>
        (this.#options.rereadEvery ?? DEFAULT_REREAD) * Math.max(1, this.#lastRead.took / LONG_READ),
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
        patience: this.#patience,
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
          this.#eventsEach.note(revision.changes.length);
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
          await connection.mayRead(bounds(range), signal);
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
  #judge({ endpoint, end, lived }: Visit): void {
    if (end.kind === 'outdated') {
      this.#position = null;
      return;
    }
    if (end.kind !== 'lost') {
      return;
    }
    // A backlog that etcd cannot bring together in time would end every stream anew.
    if (lived !== null) {
      this.#fruitless = end.events === 0 ? this.#fruitless + 1 : 0;
    }
    if (this.#fruitless >= FRUITLESS || end.error instanceof TogetherError) {
      this.#fruitless = 0;
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
    // Where DNS names none, that is all there is to say.
    const ordered = (endpoints.length > 0 ? endpoints : [...this.#failures.keys()]).flatMap((name) => {
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
  return String(end.error).includes('permission denied') ? LONGEST_PERMISSION_PAUSE : LONGEST_PAUSE;
}
