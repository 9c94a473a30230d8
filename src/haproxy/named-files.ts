import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type FileBases, listedFiles, type NamedFile, namedFiles } from '../plan/named-files.ts';
import type { NamedFiles } from '../ports/named-files.ts';

/** More than these are not looked at: who has so many mends one at a time. */
const MOST = 2000;

/** Looks at the files that a configuration names, where the check finds them: from our own working folder. */
export function createNamedFiles(): NamedFiles {
  // A large text is read once, however often its files are looked at.
  let known: ReadonlyMap<string, readonly NamedFile[]> = new Map();
  return {
    async look(texts, files = []) {
      known = new Map(texts.map((text) => [text, known.get(text) ?? namedFiles(text)]));
      const stamps = new Map<string, string>();
      const add = async (file: string): Promise<boolean> => {
        const found = await stat(file, { bigint: true }).catch(() => null);
        stamps.set(file, found ? `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` : 'none');
        return found?.isDirectory() ?? false;
      };
      for (const { path: file, list } of [...known.values(), files].flat().slice(0, MOST)) {
        if (stamps.size > MOST || stamps.has(file)) {
          continue;
        }
        const inside = (await add(file)) ? await filesOf(file) : list ? await listed(file, list) : [];
        await Promise.all(inside.slice(0, MOST).map(add));
      }
      return stamps;
    },
  };
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => path.join(folder, name));
}

async function listed(file: string, bases: FileBases): Promise<readonly string[]> {
  return listedFiles(await readFile(file, 'utf8').catch(() => ''), bases);
}

/** Those of some files (and of files in some folders) that were changed, put there or linked anew after a time (milliseconds since 1970). */
export async function changedSince(files: readonly string[], time: number): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  for (const file of new Set(files)) {
    const inside = (await isFolder(file)) ? await filesOf(file) : [];
    const times = await Promise.all([file, ...inside].map(changedAt));
    if (times.some((at) => at > time)) {
      changed.add(file);
    }
  }
  return changed;
}

/** A link counts as changed where it or what it leads to was. What is not there was not. */
async function changedAt(file: string): Promise<number> {
  const found = await Promise.all([stat(file), lstat(file)]).catch(() => []);
  return found.reduce((latest, { ctimeMs }) => Math.max(latest, ctimeMs), 0);
}

async function isFolder(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  return found?.isDirectory() ?? false;
}
