import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SystemError, TemplateError } from '../errors.ts';
import type { TemplateSet } from '../render/template-set.ts';
import { whatWouldLet } from '../system/denied.ts';
import { ourUser } from '../system/our-user.ts';

/** The folder of the packaged template. Every other template sees it as `pointsman/`, to extend it. */
export const PACKAGED_FOLDER = fileURLToPath(new URL('../../templates', import.meta.url));
/** The packaged template. */
export const PACKAGED_TEMPLATE = join(PACKAGED_FOLDER, 'haproxy.cfg.njk');

const LARGEST = 1024 * 1024;
const MOST_FILES = 1000;

/**
 * Reads a template and every other text of its folder: regular files below 1 MiB that are UTF-8, but no hidden
 * ones, and those of the packaged template as `pointsman/…`.
 *
 * @throws TemplateError where the template is missing or no text.
 * @throws SystemError where it cannot be read, or the folder is no folder of templates.
 */
export async function readTemplateSet(path: string): Promise<TemplateSet> {
  const folder = dirname(resolve(path));
  const entry = basename(path);
  const text = await readEntry(path);
  const files = new Map(await readPackaged());
  for (const [name, other] of await readFolder(folder, path)) {
    files.set(name, other);
  }
  files.set(entry, text);
  return { folder, entry, files };
}

/** True for names that are left out: hidden ones, and the packages of a project around the templates. */
export function isLeftOut(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

async function readEntry(path: string): Promise<string> {
  const doing = `reading the template ${path}`;
  try {
    const text = asText(await readFile(path));
    if (text === null) {
      throw new TemplateError(`${doing}: it is no text in UTF-8`);
    }
    return text;
  } catch (error) {
    throw error instanceof TemplateError ? error : await entryError(doing, path, error);
  }
}

async function entryError(doing: string, path: string, cause: unknown): Promise<Error> {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const others = await readdir(dirname(path)).catch(() => []);
    const near = others.filter((name) => name.endsWith('.njk'));
    const there = near.length === 0 ? '' : `; in that folder: ${near.slice(0, 5).join(', ')}`;
    return new TemplateError(`${doing}: it does not exist`, {
      hint: `the setting \`template\` names it; relative paths start at the settings file${there}`,
      cause,
    });
  }
  if (code === 'EISDIR') {
    return new TemplateError(`${doing}: it is a folder`, {
      hint: 'the setting `template` names the file in it that is rendered',
      cause,
    });
  }
  return new SystemError(`${doing}: ${(cause as Error).message}`, {
    hint: code === 'EACCES' ? whatWouldLet('read', path) : `${ourUser()} must be able to read it`,
    cause,
  });
}

async function readPackaged(): Promise<[string, string][]> {
  const texts = await readFolder(PACKAGED_FOLDER, PACKAGED_TEMPLATE);
  return texts.map(([name, text]) => [`pointsman/${name}`, text]);
}

async function readFolder(folder: string, entry: string): Promise<[string, string][]> {
  const names: string[] = [];
  await listFiles({ folder, entry, names }, '', []);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readOther(join(folder, name))] as const),
  );
  return texts.filter((one): one is [string, string] => one[1] !== null);
}

/** `around`: the real paths of the folders above, which a link may lead back to. */
async function listFiles(
  { folder, entry, names }: { readonly folder: string; readonly entry: string; readonly names: string[] },
  below: string,
  around: readonly string[],
): Promise<void> {
  const real = await realpath(join(folder, below)).catch(() => null);
  if (real === null || around.includes(real)) {
    return;
  }
  const found = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
  for (const one of found.filter(({ name }) => !isLeftOut(name))) {
    const name = below === '' ? one.name : `${below}/${one.name}`;
    if (one.isDirectory() || (one.isSymbolicLink() && (await leadsToFolder(join(folder, name))))) {
      await listFiles({ folder, entry, names }, name, [...around, real]);
    } else {
      names.push(name);
    }
    if (names.length > MOST_FILES) {
      throw new SystemError(
        `reading the folder of the template ${entry}: it holds more than ${MOST_FILES} files`,
        { hint: 'put the template into a folder of its own: all of that folder is read and watched' },
      );
    }
  }
}

function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Null for what is no text, or is gone by now. */
async function readOther(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path).then((found) => (found.isFile() ? found : { size: LARGEST }));
    return size < LARGEST ? asText(await readFile(path)) : null;
  } catch {
    return null;
  }
}

function asText(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
