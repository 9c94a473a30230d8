import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { StateFile } from '../ports/stores.ts';
import { explainFileError } from '../system/file-error.ts';

/** A file of `stateDir` that is always whole: written beside it, synced and renamed. */
export function createStateFile(stateDir: string, name: string): StateFile {
  const file = path.join(stateDir, name);
  const temp = path.join(stateDir, `.${name}.new`);
  return {
    path: file,
    async read() {
      try {
        return await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
          return null;
        }
        throw explainFileError(error, `reading ${file}`, 'read');
      }
    },
    async write(text) {
      try {
        await mkdir(stateDir, { recursive: true, mode: 0o750 });
        {
          await using handle = await open(temp, 'w', 0o640);
          await handle.writeFile(text);
          await handle.sync();
        }
        await rename(temp, file);
      } catch (error) {
        await rm(temp, { force: true }).catch(() => undefined);
        throw explainFileError(error, `writing ${file}`);
      }
    },
  };
}
