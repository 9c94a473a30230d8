import type { PointsmanError } from '../errors.ts';
import type { ReloadCause } from '../events.ts';
import type { ServerCommand } from '../plan/plan.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { RefusedBy } from '../ports/judge.ts';

/** What is published as one: today HAProxy's one file, without its mark. Two are the same where their hashes are. */
export interface ConfigSet {
  readonly text: string;
  readonly hash: string;
}

/** Why our hands are off the file and HAProxy. */
export interface Hold {
  readonly kind: 'pause';
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Who wants it, for people. */
  readonly by: string;
}

/** Whether the file is as we left it. */
export type FileFact =
  | { readonly kind: 'ours' }
  /** Somebody else touched it, and it was not looked at since. */
  | { readonly kind: 'touched' }
  /** It could not be put right just now. */
  | { readonly kind: 'stuck'; readonly message: string; readonly retryInMs: number };

/** What should be installed and run. */
export type Desired =
  | { readonly kind: 'set'; readonly set: ConfigSet }
  /** No source has given a tree yet, or no template was read yet; what is missing, for people. */
  | { readonly kind: 'nothing'; readonly missing: string }
  | { readonly kind: 'template-error'; readonly error: PointsmanError };

/** What the file holds. */
export interface Installed extends ConfigSet {
  /** It was not edited since it was published. */
  readonly isOurs: boolean;
}

/** The way from what HAProxy runs to what it should run. Nobody here looks into the commands. */
export type Way =
  /** No way but a reload; with reasons where the changes at run time have some of their own. */
  | { readonly kind: 'unknown'; readonly reasons: Reasons }
  | { readonly kind: 'runtime'; readonly commands: readonly ServerCommand[]; readonly reasons: Reasons }
  /** `part`: what of it can go out before, without a reload; `cause`: the reasons in a word. */
  | {
      readonly kind: 'reload';
      readonly part: WayPart | null;
      readonly reasons: Reasons;
      readonly cause: ReloadCause;
    };

/** Why, in a clause each, for people. */
export type Reasons = readonly string[];

/** Commands, and the set that HAProxy runs after them. */
export interface WayPart {
  readonly set: ConfigSet;
  readonly commands: readonly ServerCommand[];
}

/** What came of a set that was refused or did not load. `judged`: the quarantine was asked about it, and knows nothing better. */
export type Trouble =
  /** It was refused. `lines` are 1-based. */
  | {
      readonly kind: 'refused';
      /** @default 'check' */
      readonly by?: RefusedBy;
      readonly output: string;
      readonly lines: readonly number[];
      readonly judged: boolean;
      /** What is installed is refused as well, or it is still looked for who is to blame: nothing is known against this set. */
      readonly excused?: true;
    }
  | { readonly kind: 'failed'; readonly message: string }
  /** It threw what is a bug. */
  | { readonly kind: 'crashed'; readonly error: Error; readonly judged: boolean };

/** Everything that a decision is made on; one value, of one moment. */
export interface Facts {
  /** `file`: mode `none`, where the file is all there is. */
  readonly target: 'haproxy' | 'file';
  readonly hold: Hold | null;
  readonly file: FileFact;
  readonly desired: Desired;
  /** The quarantine was asked about the error of the template, and knows nothing better. */
  readonly judged: boolean;
  readonly installed: Installed | null;
  readonly haproxy: HaproxyState;
  /** Why the worker may run something else than its mark says; null where nothing speaks for that. */
  readonly doubt: string | null;
  /** What is installed was published, and HAProxy not told yet. */
  readonly owed: boolean;
  /** What changes at run time made HAProxy run while the file does not hold it yet. */
  readonly ahead: ConfigSet | null;
  /** The hash of what is on its way to the file beside the loop. */
  readonly recording: string | null;
  /** Of what is desired. */
  readonly trouble: Trouble | null;
  /** Milliseconds until what is desired may be tried again. */
  readonly retryMs: number;
  /** What HAProxy is ahead with did not become the file just now: milliseconds until its next try, 0 where it may. */
  readonly aheadWaitMs: number;
  /** From what runs to `goalOf` these facts. */
  readonly way: Way;
  /** Milliseconds until HAProxy may be reloaded again. */
  readonly paceMs: number;
  /** Milliseconds that a reload waits at most for old workers to end. */
  readonly workersMs: number;
  /** Milliseconds until what is installed may be loaded again, after that failed. */
  readonly mendMs: number;
}
