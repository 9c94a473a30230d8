import type { Readable } from 'node:stream';
import { UsageError } from '../errors.ts';

/** The outside of a command, as `main` gives it: nothing below reads argv, env or signals by itself. */
export interface Io {
  /** Results. */
  out(text: string): void;
  /** One line for people. */
  err(line: string): void;
  /**
   * What takes its time, on a terminal: the line is replaced by the next one, and by whatever else is written; an empty one
   * takes it away. Nothing elsewhere.
   */
  progress(line: string): void;
  /** From now on these texts are never written by `err`, whatever holds them. */
  hide(secrets: readonly string[]): void;
  /** From now on this is what the command waits for: said where it takes too long. */
  waitsFor(what: string): void;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Whether stderr is one. */
  readonly terminal: boolean;
  /** Whether results may be coloured. */
  readonly colours: boolean;
  /** Whether what goes to stderr may be. */
  readonly logColours: boolean;
  /** `listener` gets the error that ends the process where nobody catches it, and says it: `main` then does not. */
  onCrash(listener: (error: unknown) => void): void;
  /** Aborts at SIGTERM and SIGINT. Its reason is the signal's name. */
  readonly signal: AbortSignal;
  /** From now on these signals, none of those two, do nothing but call `listener`. */
  onSignal(names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void): void;
  /** Milliseconds that everything may take to end after a signal, or null for as long as it takes. @default 9000 */
  endsWithin(limit: number | null): void;
  /** What runs us, with our arguments: for running us once more. */
  readonly program: readonly string[];
  /** What files of a child are not to be, as it was before we set our own. */
  readonly umask: number;
  /** Of Pointsman. */
  readonly version: string;
}

/** What every command ends with. */
export const EXIT = {
  fine: 0,
  failed: 1,
  /** Bad usage or settings. */
  usage: 2,
  /** HAProxy refused the configuration. */
  refused: 3,
  /** With `--exit-code`, and `units --check`: there is a difference. */
  difference: 4,
} as const;

/** One of `EXIT`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The option that every command has but `run`. */
export interface BoundedFlags {
  /** A duration, not checked yet. */
  readonly timeout: string;
}

/** The options of a command that reads keys. */
export interface FromFlags extends CommonFlags {
  /** Where the keys come from instead of the sources of the settings. */
  readonly from?: string;
}

/** The options that every command has. */
export interface CommonFlags {
  readonly config?: string;
  /** `haproxy.mode=none`, in the order of the command line. */
  readonly set: readonly string[];
  readonly logLevel?: string;
}

/** The settings that `--set` and `--log-level` name, by dotted path. Throws a `UsageError`. */
export function overridesOf({ set, logLevel }: CommonFlags): Readonly<Record<string, string>> {
  const level = logLevel === undefined ? {} : { 'log.level': logLevel };
  return { ...Object.fromEntries(set.map(assignment)), ...level };
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) {
    return [text.slice(0, at), text.slice(at + 1)];
  }
  throw new UsageError(`reading --set ${text}: expected key=value`, {
    hint: 'For example --set haproxy.mode=none; docs/settings.md lists the keys.',
  });
}
