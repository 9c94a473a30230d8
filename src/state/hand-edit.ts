import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { hashText } from '../plan/mark.ts';
import { explainFileError } from '../system/file-error.ts';
import { writeWhole } from '../system/write-whole.ts';

/** So many are kept; the oldest go. */
const KEPT = 50;

/**
 * Keeps a text that somebody else wrote into the configuration file, in `stateDir`/hand-edits, and gives the path.
 * The same text again is kept once. Only its owner reads it: it may hold passwords. Throws a `SystemError`.
 */
export async function keepHandEdit(stateDir: string, text: string): Promise<string> {
  const folder = path.join(stateDir, 'hand-edits');
  const doing = `keeping a hand edit in ${folder}`;
  const hash = hashText(text);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = (await readdir(folder)).filter((name) => name.endsWith('.cfg')).sort();
    const same = names.find((name) => name.endsWith(`-${hash}.cfg`));
    if (same !== undefined) {
      return path.join(folder, same);
    }
    const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const kept = path.join(folder, `${time}-${hash}.cfg`);
    await writeWhole(kept, text, { mode: 0o600, base: 'edit', doing });
    for (const name of names.slice(0, Math.max(0, names.length + 1 - KEPT))) {
      await rm(path.join(folder, name), { force: true });
    }
    return kept;
  } catch (error) {
    throw explainFileError(error, doing);
  }
}
