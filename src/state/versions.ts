import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { SystemError } from '../errors.ts';
import { ROWS_VERSION } from './state-file.ts';

/**
 * The versions of the forms of what lies in `stateDir`. A form is of a new version where an older Pointsman would misread
 * it; what it passes over, such as a field more, is none. What was written before there were versions carries none, and is
 * read all the same.
 *
 * `pause` and `pending` are not among them: their first words say the same in every version, so that neither a pause nor
 * a reload that is owed is ever lost.
 */
export const STATE_VERSIONS = {
  tree: ROWS_VERSION,
  holds: ROWS_VERSION,
  'quarantine.json': 1,
  'server-journal.json': 1,
  'set-by-hand.json': 1,
  'pause-keys': 1,
  'pause-held': 1,
  'pause-ended': 1,
  rollback: 1,
} as const;

/** What `pause` and `pending` say of themselves. */
export const NOTE_VERSION = 1;

/** Enough for the beginning of a file, where its version stands. */
const BEGINNING = 4096;

/**
 * Sets aside what a newer Pointsman has left in this state folder, before anything is read, so that it is neither misread
 * nor overwritten. Gives a failure to be told for each of these, and for each that could not be set aside.
 */
export async function setNewerAside(stateDir: string): Promise<readonly SystemError[]> {
  const told: SystemError[] = [];
  for (const [name, version] of Object.entries(STATE_VERSIONS)) {
    const file = path.join(stateDir, name);
    const found = await versionIn(file);
    if (found === null || found <= version) {
      continue;
    }
    const aside = `${file}.v${found}`;
    const done = await rename(file, aside).then(
      () => `it is set aside as ${aside}`,
      (error: Error) => `it could not be set aside: ${error.message}`,
    );
    const message = `reading ${file}: a newer Pointsman wrote it (version ${found}, this one reads up to ${version}); ${done}`;
    told.push(
      new SystemError(message, { hint: 'What is in it begins anew; docs/upgrading.md says what that is.' }),
    );
  }
  return told;
}

/** Null where there is no such file, or none that says one. */
async function versionIn(file: string): Promise<number | null> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING), 0, BEGINNING, 0);
    const found = /"version": ?(\d+)/.exec(buffer.toString('utf8', 0, bytesRead))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}
