import { SystemError } from '../errors.ts';
import { visibleLines } from '../model/visible.ts';
import { countHolds } from '../state/believed-files.ts';
import { isLocked } from '../state/lock.ts';
import { readHeldPauses } from '../state/pause-notes.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { screenOf } from '../status/screen.ts';
import type { StatusJson } from '../status/status-json.ts';
import { askDaemon, controlSocketOf } from './ask-daemon.ts';
import { colouredLines } from './colours.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';

/** The flags of `status`. */
export interface StatusFlags extends CommonFlags {
  readonly json?: boolean;
}

/** What is wrong, and what to do. */
const COLOURS = [
  [/^!|^NOT READY/, 'red'],
  [/^ +->/, 'bold'],
] as const;

/** Asks the daemon how it is, and shows that on one screen. Ends with 1 where something is not well. */
export async function status(io: Io, flags: StatusFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags, 'optional');
  io.waitsFor('the daemon');
  const said = await askDaemon(stateDir, { path: '/status' }, io);
  if (said.kind !== 'answered') {
    throw await noAnswer(stateDir, said.kind === 'silent' ? said.why : null);
  }
  const json = said.body as StatusJson;
  const { well, text } = screenOf(json);
  io.out(flags.json ? `${JSON.stringify(json, null, 2)}\n` : colouredLines(io, visibleLines(text), COLOURS));
  return well ? EXIT.fine : EXIT.failed;
}

/** What the files of the state folder say where the daemon does not. */
async function noAnswer(stateDir: string, why: string | null): Promise<SystemError> {
  const isRunning = await isLocked(stateDir).catch(() => null);
  const [held, rollback, holds] = await Promise.all([
    isRunning ? readHeldPauses(stateDir) : null,
    createRollbackNote(stateDir)
      .read()
      .catch(() => null),
    countHolds(stateDir).catch(() => 0),
  ]);
  const facts = [
    isRunning ? `a daemon has ${stateDir}` : `no daemon runs on ${stateDir}`,
    ...(why === null ? [] : [`${controlSocketOf(stateDir)}: ${why}`]),
    ...(held ? ['it holds still for a pause'] : []),
    ...(rollback ? [`the text of entry ${rollback.number} is put back by ${rollback.by}`] : []),
    ...(holds > 0 ? [`${holds} keys are held back`] : []),
  ];
  return new SystemError(`asking the daemon: ${facts.join('; ')}`, {
    hint: isRunning
      ? 'Its log says what it is at; /api/status on status.listen may answer.'
      : 'Start it with pointsman run; HAProxy goes on with what it has.',
  });
}
