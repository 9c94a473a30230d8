import { setTimeout as sleep } from 'node:timers/promises';
import { SystemError, UsageError } from '../errors.ts';
import { parseDuration, writtenDuration } from '../model/duration.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

/** How long a command that was told to end may take to do so: for its locks and temporary files. */
const GRACE = 500;
/** What takes longer says on a terminal what it waits for, and says it again as often, in milliseconds. */
const UNSAID = 1_000;

/** The milliseconds of `--timeout`. Throws a `UsageError` where it is no duration. */
export function parseTimeout(timeout: string): number {
  const limit = parseDuration(timeout);
  if (limit === null || limit === 0) {
    throw new UsageError(`reading --timeout ${timeout}: expected a duration over 0`, {
      hint: 'For example --timeout 2m.',
    });
  }
  return limit;
}

/**
 * Runs a command that does one thing and ends, for `timeout` milliseconds at most: then it is told to end, and what it was
 * waiting for is said, whether it has ended or not. Throws a `SystemError`.
 */
export async function bounded(
  io: Io,
  { verb, timeout }: { readonly verb: string; readonly timeout: number },
  work: (io: Io) => Promise<ExitCode>,
): Promise<ExitCode> {
  const over = new AbortController();
  let waitsFor = 'its settings';
  const inner: Io = {
    ...io,
    signal: AbortSignal.any([io.signal, over.signal]),
    waitsFor: (what) => {
      waitsFor = what;
    },
  };
  const began = performance.now();
  const said = io.terminal
    ? setInterval(() => {
        const seconds = Math.round((performance.now() - began) / 1_000);
        io.progress(`${verb}: waiting for ${waitsFor}, ${seconds} s`);
      }, UNSAID)
    : undefined;
  const done = work(inner);
  done.catch(() => undefined);
  const finished = new AbortController();
  try {
    const first = await Promise.race([done, sleep(timeout, 'late' as const, { signal: finished.signal })]);
    if (first !== 'late') {
      return first;
    }
    const error = new SystemError(
      `${verb}: not done in ${writtenDuration(timeout)}: it was waiting for ${waitsFor}`,
      {
        hint: '--timeout gives it longer.',
      },
    );
    over.abort(error);
    const last = await Promise.race([done.catch(() => 'late' as const), sleep(GRACE, 'late' as const)]);
    if (last === 'late' || last === EXIT.failed) {
      throw error;
    }
    // It was done just then.
    return last;
  } finally {
    finished.abort();
    if (said !== undefined) {
      clearInterval(said);
      io.progress('');
    }
  }
}
