import type { GuardRule } from '../events-guard.ts';
import type { Entry } from '../model/entry.ts';

/** A key that went from the sources and is believed to be there still. */
export interface Hold {
  readonly entry: Entry;
  readonly rule: GuardRule;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Keys that changed since the last good tree, with what they were in it; undefined where they were not there. */
export type Differences = ReadonlyMap<string, Entry | undefined>;

/** How old what is known of a source is. Times are milliseconds since 1970. */
export interface LayerAge {
  /** When it was last known to be what the source has. */
  readonly freshAt: number;
  /** The same of prefixes that may not be read (any more); null where they never could be. */
  readonly refused: ReadonlyMap<string, number | null>;
}

/** The last believed tree. */
export interface CachedTree {
  readonly entries: readonly Entry[];
  /** The last revision of each source by its place; null where it gave none. */
  readonly revisions: readonly (bigint | null)[];
  /** When it was last known to be what the sources have, in milliseconds since 1970. */
  readonly freshAt: number;
  /** How old each source's part of it is, by its place; null where nothing is known of it. @default all of `freshAt` */
  readonly layers?: readonly (LayerAge | null)[];
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
  /** Who asked to believe the disappearance now, for people; '' where that is not known, null where nobody did. */
  releaseAsked(): Promise<string | null>;
  /** That was done. */
  releaseDone(): Promise<void>;
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
  /** Who wants it, for people: `pointsman pause by uid 0 (root)`, `the key /haproxy/pointsman/pause`. */
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
  /** Who took back the pause of this host that would have lasted until then (milliseconds since 1970), for people; null where nobody says. */
  takenBackBy(until: number): Promise<string | null>;
  /** Since when each of these was there (milliseconds since 1970): `now` for one that was not there before. */
  firstSeen(ids: readonly string[], now: number): Promise<ReadonlyMap<string, number>>;
}

/** That the text of an entry of the ledger is to be put back. */
export interface RollbackWish {
  /** The entry's number. */
  readonly number: number;
  /** `today`: with the servers of now. `exact`: the very text, without servers whose addresses others have by now. */
  readonly mode: 'today' | 'exact';
  /** Milliseconds since 1970. */
  readonly since: number;
  /** When it ends by itself, in milliseconds since 1970; null where it does not. */
  readonly until: number | null;
  /** Who wants it, for people: `uid 0 (root)`. */
  readonly by: string;
  readonly hash: string;
  readonly text: string;
}

/** The rollback of this host on the disk. All throw a `SystemError`. */
export interface RollbackNote {
  /** Null where there is none. Where nothing was written since the last call, it is the same object. */
  read(): Promise<RollbackWish | null>;
  write(wish: RollbackWish): Promise<void>;
  /** Takes it back, and gives the one that this ended, if there was one. */
  clear(): Promise<RollbackWish | null>;
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
