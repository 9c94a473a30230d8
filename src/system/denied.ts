import { accessSync, constants, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { ourUser } from './our-user.ts';

/** What is wanted of a path. */
export type Wanted = 'read' | 'write';

/**
 * What would let us have it where the system denies a path: names our user, and the file or folder that is in the way
 * with its owner. Looks at the disk; to be asked only after an error.
 */
export function whatWouldLet(wanted: Wanted, target: string): string {
  const folders = foldersOf(target);
  const closed = folders.find((folder) => !may(folder, constants.X_OK));
  if (closed !== undefined) {
    return `Let ${ourUser()} enter the folder ${closed}${owned(closed)}.`;
  }
  const [verb, needed] = wanted === 'read' ? ['read', constants.R_OK] : ['write to', constants.W_OK];
  if (look(target) !== null && !may(target, needed)) {
    return `Let ${ourUser()} ${verb} ${target}${owned(target)}.`;
  }
  // What is not there yet is made in the nearest folder that is.
  const folder = folders.at(-1) ?? path.dirname(target);
  return `Let ${ourUser()} ${verb} the folder ${folder}${owned(folder)}.`;
}

/** The folders above it that are there, from the root on. */
function foldersOf(target: string): readonly string[] {
  const parent = path.dirname(target);
  const above = parent === target ? [] : foldersOf(parent);
  return look(parent) === null ? above : [...above, parent];
}

function owned(place: string): string {
  const found = look(place);
  if (found === null) {
    return '';
  }
  return ` (of uid ${found.uid} and gid ${found.gid}, mode ${(found.mode & 0o7777).toString(8)})`;
}

function look(place: string): Stats | null {
  try {
    return statSync(place);
  } catch {
    return null;
  }
}

function may(place: string, what: number): boolean {
  try {
    accessSync(place, what);
    return true;
  } catch {
    return false;
  }
}
