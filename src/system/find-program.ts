import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { whyNotRun } from './run-program.ts';

/** Where a program lies. */
export type FoundProgram =
  | { readonly kind: 'found'; readonly path: string }
  /** Why it cannot be run, in words. */
  | { readonly kind: 'missing'; readonly why: string };

/** Looks for a program as the system does that runs it: a path as it stands, a name in the folders of `PATH`. */
export async function findProgram(program: string, searchPath: string): Promise<FoundProgram> {
  const named = program.includes('/');
  const folders = searchPath.split(':').filter((folder) => folder !== '');
  const places = named ? [program] : folders.map((folder) => path.join(folder, program));
  let denied: string | null = null;
  for (const place of places) {
    const found = await stat(place).catch(() => null);
    if (found === null || (found.isDirectory() && !named)) {
      continue;
    }
    const executable = found.isFile() && (await mayRun(place));
    if (executable) {
      return { kind: 'found', path: place };
    }
    denied ??= place;
  }
  if (denied !== null) {
    return { kind: 'missing', why: whyNotRun(denied, { code: 'EACCES' }) };
  }
  const where = named ? '' : `, in none of ${searchPath || 'the folders of PATH'}`;
  return { kind: 'missing', why: `${whyNotRun(program, { code: 'ENOENT' })}${where}` };
}

function mayRun(place: string): Promise<boolean> {
  return access(place, constants.X_OK).then(
    () => true,
    () => false,
  );
}
