import { SystemError } from '../errors.ts';

const WHAT_TO_DO: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EACCES: ['permission denied', 'Let the user that Pointsman runs as write to this folder.'],
  EPERM: [
    'not permitted',
    'Only root may give a file away: leave output.owner and output.group out, or run as root.',
  ],
  EBUSY: ['it is itself a mount point', 'Mount the folder into the container, not the single file.'],
  EXDEV: ['it is on another file system', 'Mount the folder into the container, not the single file.'],
  ENOSPC: ['no space left on the disk', 'Free some space; the installed file is untouched.'],
  EDQUOT: ['the disk quota is used up', 'Free some space; the installed file is untouched.'],
  EROFS: ['the file system is read-only', 'Mount this folder writable.'],
  ENOENT: ['the folder does not exist', 'Make the folder, or correct the path in the settings.'],
  ENOTDIR: ['a part of the path is no folder', 'Correct the path in the settings.'],
  EISDIR: ['it is a folder', 'Give the path of a file.'],
  EMFILE: ['too many open files', 'Raise the limit of open files (ulimit -n).'],
};

/** What the same codes mean where a file is put in another's place. */
const IN_PLACE: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EPERM: [
    "the file is another user's",
    'Its folder is sticky: give the file, or the folder, to the user that Pointsman runs as.',
  ],
};

/** A failed file operation as a `SystemError`: `doing` names the path; reason and hint follow from the code. */
export function explainFileError(error: unknown, doing: string): Error {
  if (error instanceof SystemError || !(error instanceof Error)) return error as Error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const renaming = (error as NodeJS.ErrnoException).syscall === 'rename';
  const known = (renaming ? IN_PLACE[code] : undefined) ?? WHAT_TO_DO[code];
  if (!known) return new SystemError(`${doing}: ${error.message}`, { cause: error });
  return new SystemError(`${doing}: ${known[0]} (${code})`, { hint: known[1], cause: error });
}
