import { UsageError } from '../errors.ts';
import { writePause } from '../haproxy/pause-notes.ts';
import { parseDuration } from '../model/duration.ts';
import { LONGEST_PAUSE } from '../reconcile/pause-wish.ts';
import type { CommonFlags, ExitCode, Io } from './io.ts';
import { EXIT } from './io.ts';
import { settingsOf } from './settings-of.ts';

/** The flags of `pause`. */
export interface PauseFlags extends CommonFlags {
  readonly for: string;
}

/** Keeps Pointsman's hands off the file and HAProxy for a while; works with the daemon dead as well. */
export async function pause(io: Io, flags: PauseFlags): Promise<ExitCode> {
  const length = parseDuration(flags.for);
  if (length === null || length === 0 || length > LONGEST_PAUSE) {
    throw new UsageError(`reading --for ${flags.for}: expected a duration over 0 and up to 168h`, {
      hint: 'For example --for 30m.',
    });
  }
  const { stateDir, output } = await settingsOf(io, flags, 'optional');
  const until = Date.now() + length;
  await writePause(stateDir, until);
  io.out(
    `paused until ${new Date(until).toISOString()}: ${output.path} and HAProxy are left alone; pointsman resume ends it\n`,
  );
  return EXIT.fine;
}
