import { removePause } from '../state/pause-notes.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { callerOf } from '../system/our-user.ts';
import { changePause } from './held-pauses.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';

/** Takes back what `pause` and `rollback` did on this host. A pause of the whole fleet is a key, and ends with it. */
export async function resume(io: Io, flags: CommonFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags, 'optional');
  const byFile = async () => {
    const rolledBack = await createRollbackNote(stateDir).clear();
    return { ended: await removePause(stateDir, callerOf(io.env)), rollback: rolledBack?.number ?? null };
  };
  const question = { method: 'POST', path: '/resume' } as const;
  const { answer, ended, rollback } = await changePause(io, stateDir, { question, host: null, byFile });
  const took =
    ended === null
      ? 'there was no pause of this host'
      : `the pause until ${new Date(ended.until).toISOString()} was taken back`;
  const others = answer.kind === 'answered' ? (answer.held?.others ?? []) : [];
  const still = others.map(({ by, until }) => `${by} holds until ${new Date(until).toISOString()}`);
  const daemon = answer.kind === 'no daemon' ? ` (no daemon runs on ${stateDir})` : '';
  if (rollback !== null) {
    io.out(`resumed: the rollback to ${rollback} was taken back, what is drawn goes out again${daemon}\n`);
  }
  if (still.length > 0) {
    io.out(`still paused: ${took}, but ${still.join(', ')}; a pause of the fleet ends with its key\n`);
  } else if (answer.kind === 'silent') {
    io.out(`${took}; the daemon on ${stateDir} has not answered yet\n`);
  } else if (ended !== null || rollback === null) {
    io.out(`${ended === null ? 'nothing to resume' : 'resumed'}: ${took}${daemon}\n`);
  }
  return EXIT.fine;
}
