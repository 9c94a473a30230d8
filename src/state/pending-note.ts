import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PendingNote } from '../ports/stores.ts';
import { removeStateFile, writeStateFile } from './state-file.ts';
import { NOTE_VERSION } from './versions.ts';

/**
 * The note in `stateDir`/pending. It is not synced to the disk: it is for a crash of Pointsman, and when the machine
 * goes down, HAProxy starts anew as well and loads the file. Its first line is the mark, in every version.
 */
export function createPendingNote(stateDir: string): PendingNote {
  const file = path.join(stateDir, 'pending');
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return /^[0-9a-f]{16}(?=\n)/.exec(text)?.[0] ?? null;
    },
    write: (mark) =>
      writeStateFile(file, `${mark}\n${JSON.stringify({ version: NOTE_VERSION })}\n`, {
        outlives: 'our crash',
      }),
    clear: () => removeStateFile(file),
  };
}
