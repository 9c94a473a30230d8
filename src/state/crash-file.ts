import path from 'node:path';
import type { CrashFile } from '../ports/stores.ts';
import { writeRows } from './state-file.ts';

/**
 * Keeps the input of what threw last as `stateDir`/crash, for a report: the keys, the texts and the stack, in a form
 * that a few lines of code read. It holds whatever the keys hold, so only its owner may read it.
 */
export function createCrashFile(options: { readonly stateDir: string; readonly version: string }): CrashFile {
  const file = path.join(options.stateDir, 'crash');
  return {
    async keep({ keys, ...meta }) {
      const rows = keys.map(({ key, value, created, modified }) => [
        key,
        value,
        String(created),
        String(modified),
      ]);
      const { version } = options;
      await writeRows(file, 'crash', { meta: { ...meta, version, at: new Date().toISOString() }, rows });
      return file;
    },
  };
}
