import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Site } from './pointsman.ts';

/** Writes a file beside and renames it into its place, so that nobody reads half of it. */
export async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Gives the file source of a site another tree of keys, whole. */
export function writeTree({ folder }: Pick<Site, 'folder'>, tree: object): Promise<void> {
  return replaceFile(path.join(folder, 'services.yaml'), JSON.stringify(tree));
}
