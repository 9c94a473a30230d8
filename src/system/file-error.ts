import { SystemError } from '../errors.ts';
import { type Wanted, whatWouldLet } from './denied.ts';
import { ourUser } from './our-user.ts';

const WHAT_TO_DO: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EBUSY: ['it is itself a mount point', 'Mount the folder into the container, not the single file.'],
  EXDEV: ['it is on another file system', 'Mount the folder into the container, not the single file.'],
  ENOSPC: ['no space left on the disk', 'Free some space; the installed file is untouched.'],
  EDQUOT: ['the disk quota is used up', 'Free some space; the installed file is untouched.'],
  EROFS: ['the file system is read-only', 'Mount this folder writable.'],
  ENOENT: ['the folder does not exist', 'Make the folder, or correct the path in the settings.'],
  ENOTDIR: ['a part of the path is no folder', 'Correct the path in the settings.'],
  ELOOP: [
    'it is a symbolic link',
    'Nothing is written through a link: remove it, or give the path that it leads to.',
  ],
  EISDIR: ['it is a folder', 'Give the path of a file.'],
  EFBIG: ['it may not grow larger', 'Raise the limit of file sizes (ulimit -f).'],
  EIO: ['the disk failed', 'The log of the kernel (dmesg) may say more.'],
  EMFILE: ['too many open files', 'Raise the limit of open files (ulimit -n).'],
};

/**
 * A failed file operation as a `SystemError`: `doing` names the path; reason and hint follow from the code. Where it was
 * not permitted, the hint names our user and what is in the way.
 */
export function explainFileError(error: unknown, doing: string, wanted: Wanted = 'write'): Error {
  if (error instanceof SystemError || !(error instanceof Error)) {
    return error as Error;
  }
  const { code, syscall, path, dest }: NodeJS.ErrnoException & { dest?: string } = error;
  if (code === undefined) {
    return error;
  }
  const place = dest ?? path;
  const known =
    code === 'EACCES' || code === 'EPERM' ? denied({ code, syscall, place, wanted }) : WHAT_TO_DO[code];
  if (!known) {
    return new SystemError(`${doing}: ${error.message}`, { cause: error });
  }
  return new SystemError(`${doing}: ${known[0]} (${code})`, { hint: known[1], cause: error });
}

function denied(what: {
  readonly code: string;
  readonly syscall: string | undefined;
  readonly place: string | undefined;
  readonly wanted: Wanted;
}): readonly [reason: string, hint: string] {
  const { code, syscall = '', place, wanted } = what;
  if (code === 'EPERM' && /chown$/.test(syscall)) {
    const hint = `Only root may give a file away, and we are ${ourUser()}: leave output.owner and output.group out, or run as root.`;
    return ['not permitted', hint];
  }
  if (code === 'EPERM' && syscall === 'rename') {
    return [
      "the file is another user's",
      `Its folder is sticky: give the file, or the folder, to ${ourUser()}.`,
    ];
  }
  const reason = code === 'EACCES' ? 'permission denied' : 'not permitted';
  return [reason, place === undefined ? `We are ${ourUser()}.` : whatWouldLet(wanted, place)];
}
