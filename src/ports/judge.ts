import type { PointsmanError } from '../errors.ts';

/**
 * Who refuses a text. What `preflight` foresees, or what a `reload` fails over, is a matter of this host alone: a port that
 * another process holds.
 */
export type RefusedBy = 'check' | 'preflight' | 'reload';

/** What `haproxy -c` says of a text. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly warnings: string }
  /** `output` is HAProxy's own words with the candidate's path replaced by the target's; `lines` are those it names (1-based). */
  | {
      readonly kind: 'refused';
      readonly output: string;
      readonly lines: readonly number[];
      /** @default 'check' */
      readonly by?: RefusedBy;
    }
  /** The check itself could not be done: binary missing, time limit, folder not writable. Says what to do. */
  | { readonly kind: 'broken'; readonly message: string };

/** Why a text, or some changes, are not accepted. */
export type Refusal =
  | {
      readonly kind: 'refused';
      readonly output: string;
      readonly lines: readonly number[];
      readonly text: string;
      /** @default 'check' */
      readonly by?: RefusedBy;
    }
  | { readonly kind: 'template-error'; readonly error: PointsmanError }
  /** It makes Pointsman itself fail: rendering it, planning the way to it, or checking it threw what is a bug. */
  | { readonly kind: 'crashed'; readonly error: Error };

/** Judges a configuration, in the target's folder, without touching the target. */
export interface Judge {
  check(fileText: string, signal: AbortSignal): Promise<Verdict>;
}

/** What is in the way of a text. */
export interface Foreseen {
  /** What was found and what to do, a line each. */
  readonly output: string;
  /** The lines of the text that ask for it (1-based), where that is all: without them HAProxy would load it. */
  readonly lines: readonly number[];
}

/** What HAProxy runs now: its text, null where that is not known, and its worker. */
export interface NowRunning {
  readonly text: string | null;
  readonly pid: number | null;
}

/** Looks for what would make HAProxy fail over a text that `haproxy -c` accepts: the check cannot see it. */
export interface Preflight {
  /**
   * Gives what was found, or null where nothing speaks against loading `fileText` or it cannot be
   * judged from here.
   */
  check(fileText: string, running: NowRunning, signal: AbortSignal): Promise<Foreseen | null>;
  /**
   * Those of some `bind` lines whose port somebody holds right now, or whose address this machine does not have; null where that cannot
   * be seen from here. It costs little, and looks at binds to an interface as well, of which `check` says nothing: another
   * interface's port is none of theirs.
   */
  inTheWay(binds: readonly string[], running: NowRunning): Promise<ReadonlySet<string> | null>;
}
