import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compare } from '../model/entry.ts';

/** One file of a source as it lies there. */
export interface FileState {
  readonly path: string;
  /** Differs when the file was written or replaced. */
  readonly signature: string;
  /** Milliseconds since it was written; infinite where the clock makes no sense. */
  readonly age: number;
}

/**
 * The files of a source in the order of their names: the file itself, or what ends in .yaml, .yml or .json in the
 * folder. Names that begin with a dot are editors' and Kubernetes' own.
 *
 * @throws the error of the file system when the path is not there or may not be read.
 */
export async function listFiles(path: string): Promise<readonly FileState[]> {
  const found = await stat(path);
  if (!found.isDirectory()) {
    return [toState(path, found)];
  }
  const names = (await readdir(path)).filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name)).sort(compare);
  const states = await Promise.all(
    names.map(async (name) => {
      const file = join(path, name);
      const one = await stat(file).catch(ignoreMissing);
      return one?.isFile() ? [toState(file, one)] : [];
    }),
  );
  return states.flat();
}

function toState(path: string, { dev, ino, size, mtimeMs }: Awaited<ReturnType<typeof stat>>): FileState {
  const age = Date.now() - Number(mtimeMs);
  return {
    path,
    signature: `${dev}:${ino}:${size}:${mtimeMs}`,
    age: age < -1_000 ? Number.POSITIVE_INFINITY : age,
  };
}

/** A file that went while the folder was read is simply not there. */
function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') {
    return null;
  }
  throw error;
}
