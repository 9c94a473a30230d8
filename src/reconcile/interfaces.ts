import type { PointsmanError } from '../errors.ts';
import type { GuardRule } from '../events-guard.ts';
import type { HaproxyFacts } from '../events-haproxy.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { TemplateSet } from '../render/template-set.ts';
import type { Differences } from './quarantine-since.ts';

export type { TemplateSet };

/** Where the data of a source stands: `stale` says that what was read last still holds but may be old. */
export type SourceState = 'connecting' | 'live' | 'stale';

/** What a source tells, in order. A `snapshot` comes before any `changes`. */
export type SourceEvent =
  | { readonly kind: 'snapshot'; readonly entries: readonly Entry[]; readonly revision: bigint }
  /** A single source gave data: `changed` keys, of now `keys` of its own. The data follows, merged with others'. */
  | {
      readonly kind: 'heard';
      readonly of: { readonly index: number; readonly name: string };
      readonly what: 'snapshot' | 'changes';
      readonly changed: number;
      readonly keys: number;
      readonly revision: bigint;
    }
  /** Something that a person should know once, and that needs no retry. */
  | { readonly kind: 'notice'; readonly message: string; readonly hint: string }
  /** One transaction, whole. */
  | { readonly kind: 'changes'; readonly changes: readonly Change[]; readonly revision: bigint }
  /** A change of state; `error` says why it is not `live`. Said once per change, not per try. */
  | {
      readonly kind: 'state';
      readonly state: SourceState;
      readonly error?: Error;
      /** The source that this is about: its place in the settings and its name. */
      readonly of: { readonly index: number; readonly name: string };
    };

/** A place that keys come from. Knows nothing of services. */
export interface Source {
  /** For people: `etcd https://10.0.0.1:2379 …`, `file ./datastores.yaml`. */
  readonly name: string;
  /** Reads everything once. Throws a `SourceError` that says what is wrong and what to do. */
  read(signal: AbortSignal): Promise<readonly Entry[]>;
  /** Reads everything, then follows it until `signal` aborts (then it ends without an error). Never throws
   *  for what can heal: such things are `state` events and retried inside. */
  watch(signal: AbortSignal): AsyncIterable<SourceEvent>;
}

/** A key that went from the sources and is believed to be there still. */
export interface Hold {
  readonly entry: Entry;
  readonly rule: GuardRule;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** The last believed tree. */
export interface CachedTree {
  readonly entries: readonly Entry[];
  /** The last revision of each source by its place; null where it gave none. */
  readonly revisions: readonly (bigint | null)[];
  /** When it was last known to be what the sources have, in milliseconds since 1970. */
  readonly freshAt: number;
  /** By what it differs from the last tree that was accepted; null where none was yet. */
  readonly sinceGood: Differences | null;
}

/** What a start finds. */
export interface LoadedState {
  readonly tree: CachedTree | null;
  readonly holds: readonly Hold[];
  /** What was not used and why, for people. */
  readonly words: readonly string[];
}

/** The believed tree and the holds on the disk. Writing throws a `SystemError`; one write of a kind at a time. */
export interface BelievedStore {
  load(): Promise<LoadedState>;
  saveTree(tree: CachedTree): Promise<void>;
  saveHolds(holds: readonly Hold[]): Promise<void>;
  /** Whether somebody asked to believe the disappearance now. */
  releaseAsked(): Promise<boolean>;
  /** That was done. */
  releaseDone(): Promise<void>;
}

/** The template folder. */
export interface Templates {
  read(): Promise<TemplateSet>;
  /**
   * Gives a set at once and again after every change of a file. An unreadable state is waited out; one that stays is
   * told once, as the error of `read`.
   */
  watch(signal: AbortSignal): AsyncIterable<TemplateSet | PointsmanError>;
}

/** What `haproxy -c` says of a text. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly warnings: string }
  /** `output` is HAProxy's own words with the candidate's path replaced by the target's; `lines` are those it names (1-based). */
  | { readonly kind: 'refused'; readonly output: string; readonly lines: readonly number[] }
  /** The check itself could not be done: binary missing, time limit, folder not writable. Says what to do. */
  | { readonly kind: 'broken'; readonly message: string };

/** Judges a configuration, in the target's folder, without touching the target. */
export interface Judge {
  check(fileText: string, signal: AbortSignal): Promise<Verdict>;
}

/** The installed configuration file and its last good versions. Texts here carry the mark (`plan/mark.ts`). */
export interface ConfigFile {
  readonly path: string;
  /** Null where there is none. */
  read(): Promise<string | null>;
  /**
   * Temp file, fsync, rename, fsync of the folder; mode and owner as set. Gives the text that was replaced where
   * that is not what was last read or published here: somebody else wrote it; else null.
   */
  publish(fileText: string): Promise<string | null>;
  /** Remembers a text that HAProxy runs as a good version in `stateDir`, and drops the oldest. */
  keep(fileText: string): Promise<void>;
  /** The youngest of these, or null. */
  lastKept(): Promise<string | null>;
  /** Yields whenever somebody else replaced, wrote or removed the file since it was last read: within 1 s. */
  watch(signal: AbortSignal): AsyncIterable<void>;
  /** Sets a text aside that somebody else wrote, and gives the path of the copy. */
  keepEdit(fileText: string): Promise<string>;
}

/** Looks for what would make HAProxy fail over a text that `haproxy -c` accepts: the check cannot see it. */
export interface Preflight {
  /**
   * Gives what was found and what to do, or null where nothing speaks against loading `fileText` or it cannot be
   * judged from here. `running` is what HAProxy runs now: its text, null where that is not known, and its worker.
   */
  check(
    fileText: string,
    running: { readonly text: string | null; readonly pid: number | null },
    signal: AbortSignal,
  ): Promise<string | null>;
}

/** Remembers on the disk that a text was published and that HAProxy was not yet seen or told to load it. */
export interface PendingNote {
  /** The mark of that text, or null. */
  read(): Promise<string | null>;
  write(mark: string): Promise<void>;
  clear(): Promise<void>;
}

/** A time in which neither the file nor HAProxy is touched. */
export interface PauseWish {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Who wants it, for people: `pointsman pause`, `the key /haproxy/pointsman/pause`. */
  readonly by: string;
}

/** The pauses that hold while nothing is under way. */
export interface HeldPauses {
  /** Until when `pointsman pause` wants it, in milliseconds since 1970; null where it does not. */
  readonly host: number | null;
  readonly others: readonly PauseWish[];
}

/** What is remembered of pauses on this host. */
export interface PauseNotes {
  /** Says to whoever asked for a pause that it holds, or with null that none does (any more). Never throws. */
  tell(held: HeldPauses | null): Promise<void>;
  /** What `pointsman pause` wrote; null where there is none, or it is over. A broken one is none. */
  read(): Promise<PauseWish | null>;
  /** Since when each of these was there (milliseconds since 1970): `now` for one that was not there before. */
  firstSeen(ids: readonly string[], now: number): Promise<ReadonlyMap<string, number>>;
}

/** What is known of the HAProxy that should run our file. */
export type HaproxyState =
  /** Nobody answers (yet, or for a while). `cause` says what was tried: a missing socket, a refused connect. */
  | { readonly kind: 'away'; readonly cause: string }
  /** It answers. `mark` is what the current worker carries, null where it carries none or cannot be asked. */
  | ({ readonly kind: 'running' } & HaproxyFacts);

/** What came of having HAProxy load the file. */
export type ReloadOutcome =
  /** HAProxy runs the text of this mark: seen, not assumed. */
  | { readonly kind: 'verified'; readonly pid: number; readonly tries: number; readonly log: string }
  /** The signal or command went out; there is no socket to ask. */
  | { readonly kind: 'unverified'; readonly log: string }
  /** HAProxy goes on with what it had. `message` is its own words where it gives any. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Nobody to reload: the file waits for HAProxy. */
  | { readonly kind: 'away'; readonly cause: string };

/** Makes HAProxy follow the file: one implementation per `haproxy.mode`. */
export interface HaproxyControl {
  /** Asks now. Never throws for an absent HAProxy. */
  state(signal: AbortSignal): Promise<HaproxyState>;
  /** Has HAProxy load the file, and waits until it says that it runs `mark`, or that it does not. In
   *  `managed`, starts it where it does not run. One call at a time. */
  reload(mark: string, signal: AbortSignal): Promise<ReloadOutcome>;
  /** Yields whenever HAProxy came, went, or changed its worker or mark: within 1 s. */
  watch(signal: AbortSignal): AsyncIterable<HaproxyState>;
  /** Closes its own connections. HAProxy goes on, in every mode. */
  [Symbol.asyncDispose](): Promise<void>;
  /** The servers that HAProxy's checks call DOWN, as `backend/server`; null where it cannot be asked now. */
  downServers?(signal: AbortSignal): Promise<ReadonlySet<string> | null>;
  /** `managed` only: starts HAProxy from the file that lies there, where none runs. */
  start?(signal: AbortSignal): Promise<HaproxyState>;
  /** `managed` only: ends HAProxy, softly and bounded. From then on nothing is started. */
  stop?(): Promise<void>;
}

/** The input of a part of the loop that threw what is a bug. */
export interface CrashInput {
  /** `a pass`, `following the sources`. */
  readonly where: string;
  readonly stack: string;
  /** The believed tree: it may hold secrets. */
  readonly keys: readonly Entry[];
  /** What HAProxy runs and what is installed, null where that is not known. */
  readonly running: string | null;
  readonly installedText: string | null;
}

/** Keeps the input of a crash for a report. */
export interface CrashFile {
  /** Keeps it in the place of the one before, and gives the path. Throws a `SystemError`. */
  keep(input: CrashInput): Promise<string>;
}

/** A small file of `stateDir`. Both throw a `SystemError`. */
export interface StateFile {
  readonly path: string;
  /** Null where there is none. */
  read(): Promise<string | null>;
  /** Replaces it whole: a crash leaves the old or the new one. */
  write(text: string): Promise<void>;
}
