import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { hashText, splitMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import { explainFileError } from '../system/file-error.ts';
import { readText } from '../system/read-text.ts';
import type { FileAccess } from '../system/temp-file.ts';
import { writeWhole } from '../system/write-whole.ts';
import { ConfigWatch } from './config-watch.ts';

export interface ConfigFileSettings {
  readonly path: string;
  readonly access: FileAccess;
  /** How many good versions are kept in `stateDir`/versions. */
  readonly keep: number;
  readonly stateDir: string;
}

/** The installed file on the disk. Every failure is a `SystemError` with path, reason and what to do. */
export function createConfigFile(settings: ConfigFileSettings): ConfigFile {
  const watch = new ConfigWatch(settings.path);
  return {
    path: settings.path,
    async read() {
      await watch.look();
      return readText(settings.path);
    },
    publish: (fileText) => publish(settings, fileText, watch),
    keep: (fileText) => keep(settings, fileText),
    async lastKept() {
      const last = (await keptVersions(settings.stateDir)).at(-1);
      return last === undefined ? null : readText(last.path);
    },
    watch: (signal) => watch.watch(signal),
    keepEdit: (fileText) => keepHandEdit(settings.stateDir, fileText),
  };
}

async function publish(
  settings: ConfigFileSettings,
  fileText: string,
  watch: ConfigWatch,
): Promise<string | null> {
  let replaced: string | null = null;
  await writeWhole(settings.path, fileText, {
    ...settings.access,
    async place(temp) {
      await watch.expect(temp);
      // Held open, what is replaced can be looked at to its last moment.
      await using before = await open(settings.path, 'r').catch(() => null);
      await rename(temp, settings.path);
      const isForeign = before !== null && watch.isForeign(await before.stat({ bigint: true }));
      watch.arrived();
      replaced = isForeign ? await before.readFile('utf8') : null;
    },
  });
  return replaced;
}

/** The same text again becomes the youngest; it is never kept twice. */
async function keep(settings: ConfigFileSettings, fileText: string): Promise<void> {
  const folder = path.join(settings.stateDir, 'versions');
  const doing = `keeping a good version in ${folder}`;
  const mark = hashText(splitMark(fileText).text);
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const before = await keptVersions(settings.stateDir);
    const others = before.filter((version) => version.mark !== mark);
    const staying = settings.keep > 1 ? others.slice(1 - settings.keep) : [];
    if (settings.keep > 0) {
      const name = versionName(mark, before.at(-1)?.name);
      await writeWhole(path.join(folder, name), fileText, { mode: 0o640, base: 'version', doing });
    }
    for (const version of before.filter((one) => !staying.includes(one))) {
      await rm(version.path, { force: true });
    }
  } catch (error) {
    throw explainFileError(error, doing);
  }
}

/** Names sort by age, also where the clock was set back or stands still, and behind those of before. */
function versionName(mark: string, last: string | undefined): string {
  const before = readable(last?.split('-')[0] ?? '');
  const time = new Date(Math.max(Date.now(), before + 1)).toISOString().replaceAll(/[-:]/g, '');
  return `${time}-${mark}.cfg`;
}

/** The moment of a name in milliseconds since 1970; 0 where it is of a form of before. */
function readable(time: string): number {
  const [, year, month, day, hour, minute, second] = TIME.exec(time) ?? [];
  return year === undefined ? 0 : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}`);
}

const TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)$/;

/** A good version that was kept. */
export interface KeptVersion {
  /** When it was kept and the mark, `20260301T143012.345Z-6cf9ea608e576875.cfg`: sorts by age. */
  readonly name: string;
  readonly path: string;
  /** The hash of its text without the mark. */
  readonly mark: string;
}

/** Those of before begin with milliseconds since 1970, in 15 digits. */
const NAME = /^(?:\d{15}|\d{8}T\d{6}\.\d{3}Z)-([0-9a-f]{16})\.cfg$/;

/** The good versions kept in a state folder, the oldest first. Empty where there are none. */
export async function keptVersions(stateDir: string): Promise<readonly KeptVersion[]> {
  const folder = path.join(stateDir, 'versions');
  const names = await readdir(folder).catch(() => []);
  return names.sort().flatMap((name) => {
    const mark = NAME.exec(name)?.[1];
    return mark === undefined ? [] : [{ name, path: path.join(folder, name), mark }];
  });
}

/** So many hand edits are kept; the oldest go. */
const KEPT = 50;

/**
 * Keeps a text that somebody else wrote into the configuration file, in `stateDir`/hand-edits, and gives the path.
 * The same text again is kept once. Only its owner reads it: it may hold passwords. Throws a `SystemError`.
 */
async function keepHandEdit(stateDir: string, text: string): Promise<string> {
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
