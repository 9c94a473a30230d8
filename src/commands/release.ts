import { setTimeout as sleep } from 'node:timers/promises';
import { askRelease, countHolds, isReleaseAsked } from '../state/believed-files.ts';
import { callerOf } from '../system/our-user.ts';
import { askDaemon, sayInstead } from './ask-daemon.ts';
import type { ReleaseAnswer } from './control-questions.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';

/** The daemon looks for a request twice a second. */
const PATIENCE = 3_000;

/**
 * Has the daemon of this state folder believe what disappeared. Where none answers it is asked by a file there; without a
 * daemon, the next one finds it at its start.
 */
export async function release(io: Io, flags: CommonFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags);
  io.waitsFor('the daemon');
  const says = await askDaemon(stateDir, { method: 'POST', path: '/release' }, io);
  if (says.kind === 'answered') {
    const { count, done } = says.body as ReleaseAnswer;
    return told(
      io,
      done || (await isTaken(stateDir, io.signal))
        ? { count }
        : 'the daemon does it as soon as its sources have answered',
    );
  }
  sayInstead(io, stateDir, says, 'it is written down for it instead');
  const count = await countHolds(stateDir);
  const file = await askRelease(stateDir, callerOf(io.env));
  const isDone = await isTaken(stateDir, io.signal);
  return told(
    io,
    isDone ? { count } : `no daemon has taken it yet; it takes effect when one starts (${file})`,
  );
}

function told(io: Io, what: { readonly count: number } | string): ExitCode {
  if (typeof what === 'string') {
    io.out(`asked: ${what}\n`);
  } else {
    io.out(
      what.count === 0
        ? 'released: nothing was held\n'
        : `released: ${what.count} held keys are believed gone\n`,
    );
  }
  return EXIT.fine;
}

/** Whether the daemon takes what it was asked by file within its time. */
async function isTaken(stateDir: string, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end && !signal.aborted) {
    if (!(await isReleaseAsked(stateDir))) {
      return true;
    }
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
