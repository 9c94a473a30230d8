import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8's compilers: what they take of the memory for themselves alone is a tenth of a small process. */
const COMPILERS = ['--no-opt', '--no-maglev', '--no-sparkplug'];

/**
 * From now on code is interpreted and never compiled: for a process that waits most of the time and of which there is one for
 * each service. To be called before it loads what it works with (docs/decisions/announce.md has the figures).
 */
export function interpretOnly(): void {
  for (const flag of COMPILERS) {
    setFlagsFromString(flag);
  }
}

/** Gives back what starting took and nothing needs any more, which V8 by itself would keep: for a process that is at rest now. */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof gc === 'function') {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }
}
