import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { partsOf } from '../plan/mark.ts';
import { explainFileError } from './file-error.ts';

/** Who may read a file; what is undefined stays as the installed file has it. */
export interface FileAccess {
  /** @default that of the installed file, else 0640 */
  readonly mode?: number | undefined;
  /** Numeric. @default that of the installed file, else the process's own */
  readonly uid?: number | undefined;
  /** Numeric. @default that of the installed file, else the process's own */
  readonly gid?: number | undefined;
}

export interface TempOptions extends FileAccess {
  /** What was being done, for an error: `keeping a good version in /var/lib/…`. @default writing the temporary file */
  readonly doing?: string;
  /** What it is named after, where the target has a new name each time. @default the target's name */
  readonly base?: string;
  /** Whether the disk has it before it takes its place. @default not synced */
  readonly sync?: 'synced' | 'not synced';
}

/** A text, or its parts in their order. */
export type Text = string | readonly string[];

const inUse = new Set<string>();

/**
 * Writes `text` to a new hidden file beside `target`, with the access that the target shall have. Gives its path; the caller
 * renames it or hands it to `dropTemp`. Nobody can know the name before, and it does not end in `.cfg`, so that a HAProxy
 * that loads a whole folder (`-f DIR`) passes it by. Throws a `SystemError`.
 */
export async function writeTemp(target: string, text: Text, options: TempOptions): Promise<string> {
  const { base = path.basename(target) } = options;
  const name = `${prefix(base)}${process.pid}-${randomBytes(8).toString('hex')}`;
  const temp = path.join(path.dirname(target), name);
  inUse.add(temp);
  try {
    // Of a link in its place nothing is taken over: it is replaced, and not what it leads to.
    const found = await lstat(target).catch(() => null);
    const before = found?.isFile() ? found : null;
    // Exclusive and 0600 at first: nobody reads it, or puts a link in its place, before it has its owner.
    await using file = await open(temp, 'wx', 0o600);
    await writeText(file, text);
    await setOwner(file, options, before);
    await file.chmod(options.mode ?? (before ? before.mode & 0o777 : 0o640));
    if (options.sync === 'synced') {
      await file.sync();
    }
    return temp;
  } catch (error) {
    await dropTemp(temp);
    throw explainFileError(error, options.doing ?? `writing ${temp}`);
  }
}

/**
 * Writes a whole text. Unlike `writeFile` it makes no buffer that the garbage collector has to know of: a few of them
 * for each change make it look through all of the memory every few changes.
 */
async function writeText(file: FileHandle, text: Text): Promise<void> {
  for (const part of typeof text === 'string' ? partsOf(text) : text) {
    const { bytesWritten } = await file.write(part);
    const bytes = Buffer.byteLength(part);
    if (bytesWritten === bytes) {
      continue;
    }
    const all = Buffer.from(part);
    for (let at = bytesWritten; at < bytes; ) {
      at += (await file.write(all, at)).bytesWritten;
    }
  }
}

/** Has the disk keep a folder with its names. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

/** Removes a file of `writeTemp`; fine where it is gone. */
export async function dropTemp(temp: string): Promise<void> {
  await unlink(temp).catch(() => undefined);
  inUse.delete(temp);
}

/** It was renamed to its target. */
export function tookPlace(temp: string): void {
  inUse.delete(temp);
}

/** Removes what killed runs left beside `target`. Files of processes that live are left alone. */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = path.dirname(target);
  const begin = prefix(path.basename(target));
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const temp = path.join(folder, name);
    if (!name.startsWith(begin) || inUse.has(temp)) {
      continue;
    }
    const pid = Number(/^(\d+)-[0-9a-f]+$/.exec(name.slice(begin.length))?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && (pid === process.pid || !lives(pid))) {
      await dropTemp(temp);
    }
  }
}

function prefix(base: string): string {
  return `.${base}.pointsman-`;
}

/** An owner that nobody asked for is kept where that is allowed; one that was asked for must be. */
async function setOwner(file: FileHandle, access: FileAccess, before: Stats | null): Promise<void> {
  const now = await file.stat();
  const uid = access.uid ?? before?.uid ?? now.uid;
  const gid = access.gid ?? before?.gid ?? now.gid;
  if (uid === now.uid && gid === now.gid) {
    return;
  }
  try {
    await file.chown(uid, gid);
  } catch (error) {
    if (access.uid !== undefined || access.gid !== undefined) {
      throw error;
    }
    await file.chown(now.uid, gid).catch(() => undefined);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
