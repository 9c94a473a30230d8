import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PendingNote } from '../ports/stores.ts';
import { explainFileError } from '../system/file-error.ts';

/**
 * The note in `stateDir`/pending. It is not synced to the disk: it is for a crash of Pointsman, and when the machine
 * goes down, HAProxy starts anew as well and loads the file.
 */
export function createPendingNote(stateDir: string): PendingNote {
  const file = path.join(stateDir, 'pending');
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return /^[0-9a-f]{16}(?=\n)/.exec(text)?.[0] ?? null;
    },
    async write(mark) {
      await writeFile(file, `${mark}\n`, { mode: 0o640 }).catch((error: unknown) => {
        throw explainFileError(error, `writing ${file}`);
      });
    },
    async clear() {
      await rm(file, { force: true }).catch((error: unknown) => {
        throw explainFileError(error, `removing ${file}`);
      });
    },
  };
}
