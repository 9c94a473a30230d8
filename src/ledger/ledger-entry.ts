import type { Outcome, Step } from '../events.ts';

/** What became of a file that is published. */
export interface FileChange {
  /** The file's path. */
  readonly name: string;
  /** Lines. */
  readonly added: number;
  readonly removed: number;
  /**
   * The unified diff from what was there before to what this pass wanted, section by section; it may hold what is secret.
   * Null where it was not asked for, or there is none.
   */
  readonly diff: string | null;
}

/** A pass that changed something, or failed, or with which a pause began or ended, as the ledger keeps it. */
export interface LedgerEntry {
  /** 1 is the first; never used again, also after the oldest were dropped. */
  readonly number: number;
  /** When it ended, as ISO text. */
  readonly time: string;
  readonly outcome: Outcome;
  /** Of the store, at the last of the keys (decimal); null where none came. */
  readonly revision: string | null;
  /** The keys that brought it, the first 5 of `keyCount`. */
  readonly keys: readonly string[];
  readonly keyCount: number;
  /** Who: as the values say it (`meta.owner`, else `meta.host`), or who asked for a rollback, a pause, its end or a release. At most 5. */
  readonly by: readonly string[];
  /** The services that the keys are about, at most 100. */
  readonly services: readonly string[];
  /** What followed, a clause a service: `shop: +s5, s2 weight 1 -> 7`. */
  readonly changes: readonly string[];
  /** Why the pass ran. */
  readonly triggers: readonly string[];
  /** Why a reload was needed. */
  readonly reasons: readonly string[];
  /** What HAProxy, the template, the grammar and the guard said meanwhile. */
  readonly words: readonly string[];
  /** One line: what went wrong or is waited for; null where nothing is. */
  readonly error: string | null;
  /** Milliseconds. */
  readonly ms: number;
  readonly steps: Readonly<Partial<Record<Step, number>>>;
  /** The hash of the text that it wanted; null where there is none. */
  readonly hash: string | null;
  /** The hash of the text that its diff is from. */
  readonly before: string | null;
  readonly files: readonly FileChange[];
  /** The number of the entry whose text is put back, while a rollback holds. */
  readonly rollback: number | null;
  /** Passes right before it that could not be written down. */
  readonly dropped: number;
}

/** Which entries are asked for: all that fit, the newest first. */
export interface LedgerQuery {
  /** Only those that are about this service. */
  readonly service?: string;
  /** Only those that name this key. */
  readonly key?: string;
  /** Only those from then on, in milliseconds since 1970. */
  readonly since?: number;
  /** Only those before this number: the way to the next page. */
  readonly from?: number;
  /** At most so many. @default 20 */
  readonly limit?: number;
  /** With their diffs. @default false */
  readonly diffs?: boolean;
}

/** Reads what was written down. What cannot be read is left out; nothing throws. */
export interface LedgerReader {
  /** The newest first. */
  history(query: LedgerQuery): Promise<readonly LedgerEntry[]>;
  /** One, with its diffs; null where there is none (any more). */
  entry(number: number): Promise<LedgerEntry | null>;
}
