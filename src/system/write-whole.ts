import { rename } from 'node:fs/promises';
import path from 'node:path';
import { explainFileError } from './file-error.ts';
import {
  dropTemp,
  removeLeftovers,
  syncFolder,
  type TempOptions,
  type Text,
  tookPlace,
  writeTemp,
} from './temp-file.ts';

export interface WriteOptions extends Omit<TempOptions, 'sync'> {
  /**
   * What the file outlives: a crash of ours alone, or the machine's as well, for which the disk is waited for.
   * @default 'power cut'
   */
  readonly outlives?: 'our crash' | 'power cut';
  /** Puts the finished file in its place. @default renames it */
  readonly place?: (temp: string) => Promise<void>;
}

/** Targets beside which a killed run has left nothing (any more). */
const tidy = new Set<string>();

/**
 * Writes a file whole: whoever reads it meanwhile, and whatever ends us, finds the old text or the new one. The text
 * goes to a hidden file beside it, which then takes its place; its folder has to be there. One writer per file at a
 * time. Throws a `SystemError`.
 */
export async function writeWhole(target: string, text: Text, options: WriteOptions = {}): Promise<void> {
  const { outlives = 'power cut', place = (temp) => rename(temp, target), ...how } = options;
  const named = path.join(path.dirname(target), how.base ?? path.basename(target));
  if (!tidy.has(named)) {
    tidy.add(named);
    await removeLeftovers(named);
  }
  const sync = outlives === 'power cut' ? 'synced' : 'not synced';
  const temp = await writeTemp(target, text, { ...how, sync });
  try {
    await place(temp);
    tookPlace(temp);
    if (outlives === 'power cut') {
      // Without this a power cut may bring back the old file.
      await syncFolder(path.dirname(target));
    }
  } catch (error) {
    await dropTemp(temp);
    throw explainFileError(error, how.doing ?? `putting ${target} in place`);
  }
}
