import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type NamedFile, namedFiles } from '../plan/named-files.ts';
import type { NamedFiles } from '../ports/named-files.ts';

/** More than these are not looked at: who has so many mends one at a time. */
const MOST = 2000;

/** Looks at the files that a configuration names, where the check finds them: from our own working folder. */
export function createNamedFiles(): NamedFiles {
  // A large text is read once, however often its files are looked at.
  let known: ReadonlyMap<string, readonly NamedFile[]> = new Map();
  return {
    async look(texts) {
      known = new Map(texts.map((text) => [text, known.get(text) ?? namedFiles(text)]));
      const stamps = new Map<string, string>();
      const add = async (file: string): Promise<boolean> => {
        const found = await stat(file, { bigint: true }).catch(() => null);
        stamps.set(file, found ? `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` : 'none');
        return found?.isDirectory() ?? false;
      };
      for (const { path: file, isList } of [...known.values()].flat().slice(0, MOST)) {
        if (stamps.size > MOST || stamps.has(file)) {
          continue;
        }
        const inside = (await add(file)) ? await filesOf(file) : isList ? await listed(file) : [];
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

/** The first word of each line of a `crt-list`. */
async function listed(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name = '#'] = line.trim().split(/\s+/);
    return name === '' || name.startsWith('#') ? [] : [name];
  });
}
