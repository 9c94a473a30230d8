import { chmod, chown, type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
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

const inUse = new Set<string>();
let counter = 0;

/**
 * Writes `text` to a new hidden file beside `target`, with the access that the target shall have. It is not synced.
 * Gives its path; the caller renames it or hands it to `dropTemp`. The name does not end in `.cfg`, so that a
 * HAProxy that loads a whole folder (`-f DIR`) passes it by. Throws a `SystemError`.
 */
export async function writeTemp(target: string, text: string, access: FileAccess): Promise<string> {
  counter += 1;
  const temp = path.join(path.dirname(target), `${prefix(target)}${process.pid}-${counter}`);
  inUse.add(temp);
  try {
    await unlink(temp).catch(() => undefined);
    const before = await stat(target).catch(() => null);
    // Exclusive and 0600 at first: nobody reads it, or puts a link in its place, before it has its owner.
    await using file = await open(temp, 'wx', 0o600);
    await writeText(file, text);
    const owner = { uid: access.uid ?? before?.uid ?? -1, gid: access.gid ?? before?.gid ?? -1 };
    await setOwner(temp, owner, access.uid !== undefined || access.gid !== undefined);
    await chmod(temp, access.mode ?? (before ? before.mode & 0o7777 : 0o640));
    return temp;
  } catch (error) {
    await dropTemp(temp);
    throw explainFileError(error, `writing ${temp}`);
  }
}

/**
 * Writes a whole text. Unlike `writeFile` it makes no buffer that the garbage collector has to know of: a few of them
 * for each change make it look through all of the memory every few changes.
 */
export async function writeText(file: FileHandle, text: string): Promise<void> {
  for (const part of partsOf(text)) {
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

/** Has the disk keep a file, or a folder with its names. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

/** Removes a file of `writeTemp`; fine where it is gone. */
export async function dropTemp(temp: string): Promise<void> {
  await unlink(temp).catch(() => undefined);
  inUse.delete(temp);
}

/** Removes what killed runs left beside `target`. Files of processes that live are left alone. */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = path.dirname(target);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const temp = path.join(folder, name);
    if (!name.startsWith(prefix(target)) || inUse.has(temp)) {
      continue;
    }
    const pid = Number(/^(\d+)-\d+$/.exec(name.slice(prefix(target).length))?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && (pid === process.pid || !lives(pid))) {
      await dropTemp(temp);
    }
  }
}

function prefix(target: string): string {
  return `.${path.basename(target)}.pointsman-`;
}

/** An owner that nobody asked for is kept where that is allowed; one that was asked for must be. */
async function setOwner(file: string, owner: { uid: number; gid: number }, asked: boolean): Promise<void> {
  if (owner.uid === -1 && owner.gid === -1) {
    return;
  }
  try {
    await chown(file, owner.uid, owner.gid);
  } catch (error) {
    if (asked) {
      throw error;
    }
    await chown(file, -1, owner.gid).catch(() => undefined);
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
