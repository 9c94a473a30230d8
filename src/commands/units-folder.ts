import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import path from 'node:path';
import { createTwoFilesPatch } from 'diff';
import { compare } from '../model/entry.ts';
import { explainFileError } from '../system/file-error.ts';
import { writeWhole } from '../system/write-whole.ts';
import { HEADER, type UnitFile } from '../units/unit-files.ts';

/** A file of a folder that is not as it should be. */
export interface Difference {
  readonly path: string;
  readonly kind: 'missing' | 'differs' | 'left over';
  /** What is there; `""` where there is nothing. */
  readonly before: string;
  /** What should be; `""` where nothing should. */
  readonly after: string;
}

/** How a folder differs from what should be in it, by path. Files of others do not count. Throws a `SystemError`. */
export async function differencesOf(folder: string, files: readonly UnitFile[]): Promise<Difference[]> {
  const there = await readOurs(
    folder,
    files.map((file) => file.path),
  );
  const wanted = new Map(files.map((file) => [file.path, file.text]));
  const missingOrOther = files.flatMap(({ path: name, text }): Difference[] => {
    const before = there.get(name);
    if (before === text) {
      return [];
    }
    return [
      { path: name, kind: before === undefined ? 'missing' : 'differs', before: before ?? '', after: text },
    ];
  });
  const left = [...there]
    .filter(([name]) => !wanted.has(name))
    .map(([name, before]): Difference => ({ path: name, kind: 'left over', before, after: '' }));
  return [...missingOrOther, ...left].sort((a, b) => compare(a.path, b.path));
}

/** The unified diffs of all differences. */
export async function diffOf(folder: string, files: readonly UnitFile[]): Promise<string> {
  const different = await differencesOf(folder, files);
  return different
    .map(({ path: name, kind, before, after }) =>
      createTwoFilesPatch(
        kind === 'missing' ? '/dev/null' : name,
        kind === 'left over' ? '/dev/null' : name,
        before,
        after,
        'there',
        'made',
      ),
    )
    .join('');
}

/** Makes a folder as it should be: writes what is missing or differs, removes what is left over of ours. Gives a line for each. */
export async function writeFiles(folder: string, files: readonly UnitFile[]): Promise<string[]> {
  const different = await differencesOf(folder, files);
  for (const { path: name, kind, after } of different) {
    const file = path.join(folder, name);
    if (kind === 'left over') {
      await unlink(file).catch((error) => {
        throw explainFileError(error, `removing ${file}`);
      });
      continue;
    }
    await mkdir(path.dirname(file), { recursive: true }).catch((error) => {
      throw explainFileError(error, `making the folder of ${file}`);
    });
    await writeWhole(file, after, { mode: 0o644, doing: `writing ${file}` });
  }
  return different.map(({ path: name, kind }) => `${kind === 'left over' ? 'removed' : 'written'} ${name}`);
}

/** The texts of those files that are wanted, or were written by us. */
async function readOurs(folder: string, wanted: readonly string[]): Promise<Map<string, string>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw explainFileError(error, `reading the folder ${folder}`, 'read');
  });
  const texts = new Map<string, string>();
  for (const one of found.filter((entry) => entry.isFile())) {
    const file = path.join(one.parentPath, one.name);
    const name = path.relative(folder, file).split(path.sep).join('/');
    const text = await readFile(file, 'utf8').catch((error) => {
      throw explainFileError(error, `reading ${file}`, 'read');
    });
    if (wanted.includes(name) || text.startsWith(HEADER)) {
      texts.set(name, text);
    }
  }
  return texts;
}
