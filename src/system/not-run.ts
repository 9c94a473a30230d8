import { ourUser } from './our-user.ts';

/** Why a program could not be run, in words: `/usr/sbin/haproxy is not there`. */
export function whyNotRun(
  program: string,
  error: { readonly code?: string | undefined; readonly message?: string },
): string {
  switch (error.code) {
    case 'ENOENT':
      return `${program} is not there`;
    case 'EACCES':
    case 'EPERM':
      return `${program} may not be executed by ${ourUser()}`;
    case 'EAGAIN':
    case 'ENOMEM':
      return `there is no room for another process (${error.code})`;
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open (${error.code})`;
    case 'E2BIG':
      return `the arguments of ${program} are too long`;
    default:
      return error.message ?? 'it could not be run';
  }
}
