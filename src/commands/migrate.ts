import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../errors.ts';
import type { ConfdFolder, MadeFile } from '../migrate/confd/migrate-confd.ts';
import { migrateConfd } from '../migrate/confd/migrate-confd.ts';
import type { ConfdFlags } from '../migrate/confd/read-confd-toml.ts';
import { compare } from '../model/entry.ts';
import { explainFileError } from '../system/file-error.ts';
import { readText } from '../system/read-text.ts';
import { writeWhole } from '../system/write-whole.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

/** The flags of `migrate`. */
export interface MigrateFlags extends ConfdFlags {
  readonly out?: string;
}

/** Makes settings and templates of a folder of confd's: prints them, or writes them to a folder that has none yet. */
export async function migrate(io: Io, folder: string, { out, ...flags }: MigrateFlags): Promise<ExitCode> {
  const { files, marks, untranslated } = migrateConfd(await readConfd(path.resolve(io.cwd, folder)), flags);
  if (out === undefined) {
    io.out(files.map(({ path: name, text }) => `# --- ${name}\n${text}`).join('\n'));
    return EXIT.fine;
  }
  await writeNew(path.resolve(io.cwd, out), files);
  for (const { path: name } of files) {
    io.out(`written ${path.join(out, name)}\n`);
  }
  if (marks > 0) {
    const fails = untranslated === 0 ? '' : `, ${untranslated} of them fail when they are rendered`;
    io.err(`${marks} to look at${fails}: ${path.join(out, 'MIGRATED.md')}`);
  }
  return EXIT.fine;
}

async function readConfd(folder: string): Promise<ConfdFolder> {
  const resources = await textsOf(path.join(folder, 'conf.d'), (name) => name.endsWith('.toml'));
  if (resources === null) {
    throw new UsageError(`reading ${folder}: it has no folder conf.d`, {
      hint: 'Name the folder that confd calls confdir, /etc/confd for example.',
    });
  }
  return {
    settings: await readText(path.join(folder, 'confd.toml')),
    resources,
    templates: (await textsOf(path.join(folder, 'templates'), () => true)) ?? new Map(),
  };
}

/** The files of a folder and below by their paths in it, sorted; null where there is no such folder. */
async function textsOf(
  folder: string,
  wanted: (name: string) => boolean,
): Promise<Map<string, string> | null> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null;
    }
    throw explainFileError(error, `reading the folder ${folder}`, 'read');
  });
  if (found === null) {
    return null;
  }
  const names = found
    .filter((one) => (one.isFile() || one.isSymbolicLink()) && wanted(one.name))
    .map((one) => path.relative(folder, path.join(one.parentPath, one.name)).split(path.sep).join('/'))
    .sort(compare);
  const texts = new Map<string, string>();
  for (const name of names) {
    texts.set(name, (await readText(path.join(folder, name))) ?? '');
  }
  return texts;
}

async function writeNew(folder: string, files: readonly MadeFile[]): Promise<void> {
  for (const { path: name } of files) {
    if ((await readText(path.join(folder, name))) !== null) {
      throw new UsageError(`writing ${path.join(folder, name)}: it is there already`, {
        hint: 'Somebody may have changed it since: name another folder, or remove this one.',
      });
    }
  }
  for (const { path: name, text } of files) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true }).catch((error) => {
      throw explainFileError(error, `making the folder of ${file}`);
    });
    await writeWhole(file, text, { mode: 0o644, doing: `writing ${file}` });
  }
}
