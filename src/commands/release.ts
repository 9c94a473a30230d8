import { stat } from 'node:fs/promises';
import { rest } from '../ports/clock.ts';
import { askRelease, countHolds } from '../state/believed-files.ts';
import { callerOf } from '../system/our-user.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';

/** The daemon looks for a request twice a second. */
const PATIENCE = 3_000;

/**
 * Has the daemon of this state folder believe what disappeared, through a file there; without a daemon, the next
 * one finds it at its start.
 */
export async function release(io: Io, flags: CommonFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags);
  const count = await countHolds(stateDir);
  const file = await askRelease(stateDir, callerOf(io.env));
  io.waitsFor('the daemon');
  const end = performance.now() + PATIENCE;
  while (performance.now() < end && !io.signal.aborted) {
    if ((await stat(file).catch(() => null)) === null) {
      io.out(
        count === 0 ? 'released: nothing was held\n' : `released: ${count} held keys are believed gone\n`,
      );
      return EXIT.fine;
    }
    await rest(50, io.signal);
  }
  io.out(`asked: no daemon has taken it yet; it takes effect when one starts (${file})\n`);
  return EXIT.fine;
}
