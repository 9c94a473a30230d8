import { removePause } from '../haproxy/pause-notes.ts';
import type { CommonFlags, ExitCode, Io } from './io.ts';
import { EXIT } from './io.ts';
import { settingsOf } from './settings-of.ts';

/** Takes back what `pause` did on this host. A pause of the whole fleet is a key, and ends with it. */
export async function resume(io: Io, flags: CommonFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags, 'optional');
  const ended = await removePause(stateDir);
  io.out(
    ended === null
      ? 'nothing to resume: there was no pause of this host\n'
      : `resumed: the pause until ${new Date(ended.until).toISOString()} was taken back\n`,
  );
  return EXIT.fine;
}
