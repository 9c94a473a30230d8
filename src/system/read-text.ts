import { readFile } from 'node:fs/promises';
import { explainFileError } from './file-error.ts';

/** The text of a file, null where there is none. Throws a `SystemError`. */
export async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null;
    }
    throw explainFileError(error, `reading ${file}`, 'read');
  }
}
