import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { NO_OTHER_FILES, type OtherFiles } from '../plan/other-files.ts';
import type { FileBeside } from '../ports/files-beside.ts';
import { masterOfWorker } from './haproxy-process.ts';
import type { RuntimeInfo, RuntimeSession } from './runtime-session.ts';

/** Larger files are not read: nobody writes such a one by hand. */
const MOST_BYTES = 16 * 2 ** 20;
/** Milliseconds: `show info` counts whole seconds. A file that is as young as the worker counts as changed. */
const MARGIN = 2000;

type Asker = Pick<RuntimeSession, 'ask'>;

/**
 * Asks a worker which files it loaded (`HAPROXY_CFGFILES`; management guide 9.3, "show env"). Empty where it does not
 * say. A name that holds a `;` falls apart, and then is a file that is not there.
 */
export async function loadedFiles(worker: Asker): Promise<readonly string[]> {
  const answer = await worker.ask('show env HAPROXY_CFGFILES');
  const list = /^HAPROXY_CFGFILES=(.*)$/m.exec(answer)?.[1] ?? '';
  return list.split(';').filter((name) => name !== '');
}

/** A worker, and when it loaded its files (milliseconds since 1970): what was written later is not what it runs. */
export interface Loaded {
  readonly pid: number;
  readonly loadedAt: number;
}

/** When a worker loaded its files, at the earliest. */
export function loadedBy({ pid, uptime }: RuntimeInfo): Loaded {
  return { pid, loadedAt: Date.now() - uptime * 1000 - MARGIN };
}

/**
 * Reads what a worker loaded beside our file. That is only known where the files can be found as HAProxy sees them, and
 * were not changed since it loaded them.
 */
export async function otherFilesOf(
  worker: Asker,
  { pid, loadedAt }: Loaded,
  configPath: string,
): Promise<OtherFiles> {
  const found = await findFiles(worker, pid, configPath);
  if (found === null) {
    return NO_OTHER_FILES;
  }
  const { names, places, ours } = found;
  if (ours === -1) {
    const why = `HAProxy loads ${names.join(', ')}, and none of them is ${configPath} here, so that what its servers inherit is not known. Give HAProxy absolute paths, and keep its files in one folder with ours`;
    return { kind: 'unread', why };
  }
  const texts: string[] = [];
  for (const [index, place] of places.entries()) {
    const read = index === ours ? { text: '' } : await readPlace(place, loadedAt);
    if ('found' in read) {
      const why = `HAProxy loads ${names[index]} too, which ${read.found}, so that what its servers inherit is not known. ${read.hint}`;
      return { kind: 'unread', why };
    }
    texts.push(read.text);
  }
  return { kind: 'read', before: texts.slice(0, ours), after: texts.slice(ours + 1) };
}

/**
 * The files that a worker loaded beside ours, as they lie there now: the next one will load that. What cannot be read from
 * here is left out, and all of it where ours cannot be told from the others.
 */
export async function textsBeside(
  worker: Asker,
  pid: number,
  configPath: string,
): Promise<readonly FileBeside[]> {
  const found = await findFiles(worker, pid, configPath);
  if (found === null || found.ours === -1) {
    return [];
  }
  const { names, places, ours } = found;
  const texts: FileBeside[] = [];
  for (const [index, place] of places.entries()) {
    const read = index === ours ? null : await readPlace(place, Number.POSITIVE_INFINITY);
    if (read && 'text' in read) {
      texts.push({ path: names[index] ?? '', text: read.text });
    }
  }
  return texts;
}

interface FoundFiles {
  readonly names: readonly string[];
  /** Where they lie, seen from here; null for those that are out of sight. */
  readonly places: readonly (string | null)[];
  /** Which of them is ours; -1 where none is. */
  readonly ours: number;
}

/** Null where ours is the only one. */
async function findFiles(worker: Asker, pid: number, configPath: string): Promise<FoundFiles | null> {
  const names = await loadedFiles(worker);
  if (names.length <= 1 || names.join(';') === configPath) {
    return null;
  }
  const reader = await folderOf(pid);
  const places = names.map((name) => placeOf(name, reader, configPath));
  const same = await Promise.all(places.map((place) => place !== null && isSamePlace(place, configPath)));
  return { names, places, ours: same.indexOf(true) };
}

/** The folder in /proc of who reads the files; null where it is not in our sight. A worker may have a chroot. */
async function folderOf(worker: number): Promise<string | null> {
  const pid = await masterOfWorker(worker);
  const inSight = pid !== null && (await stat(`/proc/${pid}/root`).catch(() => null)) !== null;
  return inSight ? `/proc/${pid}` : null;
}

/**
 * Where a file lies, seen from here. Out of sight of HAProxy's process only the folder of our own file is known to be
 * the same for both.
 */
function placeOf(name: string, reader: string | null, configPath: string): string | null {
  if (reader !== null) {
    return path.isAbsolute(name) ? `${reader}/root${name}` : `${reader}/cwd/${name}`;
  }
  return path.isAbsolute(name) && path.dirname(name) === path.dirname(configPath) ? name : null;
}

/** By their folders: the file itself is replaced again and again. */
async function isSamePlace(one: string, other: string): Promise<boolean> {
  if (path.basename(one) !== path.basename(other)) {
    return false;
  }
  const [a, b] = await Promise.all(
    [one, other].map((file) => stat(path.dirname(file), { bigint: true }).catch(() => null)),
  );
  return a?.dev === b?.dev && a?.ino === b?.ino && a?.ino !== undefined;
}

type ReadPlace = { readonly text: string } | { readonly found: string; readonly hint: string };

async function readPlace(place: string | null, loadedAt: number): Promise<ReadPlace> {
  if (place === null) {
    return { found: 'is out of sight here', hint: 'Put it into one folder with ours.' };
  }
  try {
    const { ctimeMs, size } = await stat(place);
    if (ctimeMs > loadedAt) {
      return { found: 'was changed since or right before', hint: 'The next reload loads it as it is now.' };
    }
    if (size > MOST_BYTES) {
      return { found: 'is too large to be read', hint: 'Split it.' };
    }
    return { text: await readFile(place, 'utf8') };
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return { found: `cannot be read here (${code})`, hint: 'Let this user read it.' };
  }
}
