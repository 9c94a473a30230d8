import { SystemError, UsageError } from '../errors.ts';
import { parseDuration } from '../model/duration.ts';
import { LONGEST_PAUSE } from '../model/pause-end.ts';
import { writePause } from '../state/pause-notes.ts';
import { callerOf } from '../system/our-user.ts';
import { changePause, PATIENCE } from './held-pauses.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';

/** The flags of `pause`. */
export interface PauseFlags extends CommonFlags {
  readonly for: string;
}

/**
 * Keeps Pointsman's hands off the file and HAProxy for a while, and ends when they are off; works with the daemon dead
 * as well. Throws a `SystemError` where a daemon runs and does not answer in time.
 */
export async function pause(io: Io, flags: PauseFlags): Promise<ExitCode> {
  const length = parseDuration(flags.for);
  if (length === null || length === 0 || length > LONGEST_PAUSE) {
    throw new UsageError(`reading --for ${flags.for}: expected a duration over 0 and up to 168h`, {
      hint: 'For example --for 30m.',
    });
  }
  const { stateDir, output } = await settingsOf(io, flags, 'optional');
  const until = Date.now() + length;
  const byFile = async () => {
    await writePause(stateDir, { until, by: callerOf(io.env) });
    return { ended: null, rollback: null };
  };
  const question = { method: 'POST', path: '/pause', body: { until } } as const;
  const { answer } = await changePause(io, stateDir, { question, host: until, byFile });
  const paused = `paused until ${new Date(until).toISOString()}`;
  const alone = `${output.path} and HAProxy are left alone; pointsman resume ends it`;
  switch (answer.kind) {
    case 'answered':
      io.out(`${paused}: the daemon holds, ${alone}\n`);
      return EXIT.fine;
    case 'no daemon':
      io.out(`${paused}: no daemon runs on ${stateDir}, and the next one holds from its start; ${alone}\n`);
      return EXIT.fine;
    case 'silent':
      throw new SystemError(
        `pausing: the daemon on ${stateDir} has not answered in ${PATIENCE / 1000} s: it may still be at work on a change, and holds after that`,
        { hint: 'Its log and /api/status say what it does; touch nothing before it says PAUSED.' },
      );
  }
}
