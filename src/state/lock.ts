import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { SystemError } from '../errors.ts';
import { explainFileError } from '../system/file-error.ts';
import { runProgram, whyNotRun } from '../system/run-program.ts';

const HELD = 75;
/** Bytes of what a lock says of its holder. */
const MOST_SAID = 200;

/** Somebody else writes this output or uses this state folder. */
export class LockedError extends SystemError {}

/** What a lock is for. */
export interface LockRequest {
  readonly stateDir: string;
  /** The file that is published. */
  readonly outputPath: string;
  /** `run` or `render`: told to whoever is refused. */
  readonly verb: string;
}

/**
 * Makes sure that one Pointsman at a time uses this state folder and writes this output: `stateDir/lock` and
 * `.haproxy.cfg.lock` beside the target. The kernel's flock(2) holds them, so it ends with the process however
 * that ends, is never stale, and counts between containers that share the folder. Node has no flock: util-linux's
 * `flock` locks the descriptor that it inherits, and the lock stays with the open file after it has gone. Throws a
 * `LockedError` that tells who holds it, or a `SystemError`.
 */
export async function acquireLock(request: LockRequest): Promise<AsyncDisposable> {
  const files = lockFiles(request);
  const state = await lockFile(files.state, request);
  try {
    const target = await lockFile(files.output, request);
    return {
      async [Symbol.asyncDispose]() {
        await target.close();
        await state.close();
      },
    };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** The files of the locks for a state folder and an output. */
export function lockFiles({ stateDir, outputPath }: Omit<LockRequest, 'verb'>): {
  readonly state: string;
  readonly output: string;
} {
  const output = path.resolve(outputPath);
  return {
    state: path.join(stateDir, 'lock'),
    output: path.join(path.dirname(output), `.${path.basename(output)}.lock`),
  };
}

/** Whether somebody holds the lock of a state folder; null where that cannot be seen. */
export async function isLocked(stateDir: string): Promise<boolean | null> {
  const holder = await lockHolder(path.join(stateDir, 'lock'));
  return holder.kind === 'unknown' ? null : holder.kind === 'held';
}

/** Who holds a lock. */
export type LockHolder =
  | { readonly kind: 'nobody' | 'unknown' }
  /** What it says of itself: `run, pid 12, since 2026-03-01T14:30:00.000Z`; empty where it does not. */
  | { readonly kind: 'held'; readonly by: string };

/** Looks who holds a lock. Takes it for a moment, shared, which `acquireLock` waits out. */
export async function lockHolder(file: string): Promise<LockHolder> {
  let handle: FileHandle | undefined;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const ran = await runProgram('flock', ['-n', '-s', '-E', String(HELD), '3'], {
      timeout: LIMIT,
      passOn: handle.fd,
    });
    if (ran.exitCode === HELD) {
      return { kind: 'held', by: await saidIn(handle) };
    }
    return { kind: ran.exitCode === 0 ? 'nobody' : 'unknown' };
  } catch (error) {
    return { kind: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'nobody' : 'unknown' };
  } finally {
    await handle?.close();
  }
}

async function saidIn(handle: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_SAID), 0, MOST_SAID, 0);
  return buffer.toString('utf8', 0, bytesRead).trim();
}

async function lockFile(file: string, request: LockRequest): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o750 });
    handle = await openLock(file);
    await checkOurs(file, handle);
    await flock(file, handle);
    const holder = `${request.verb}, pid ${process.pid}, since ${new Date().toISOString()}\n`;
    // It is the kernel that holds it: on a disk that is full or read-only it says nothing of us, and is held all the same.
    await handle.truncate(0).catch(() => undefined);
    await handle.appendFile(holder).catch(() => undefined);
    return handle;
  } catch (error) {
    await handle?.close();
    throw explainFileError(error, `locking ${file}`);
  }
}

/** One that lies on a disk that has become read-only locks as well. */
async function openLock(file: string): Promise<FileHandle> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  return open(file, O_RDWR | O_CREAT | flags, 0o640).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EROFS') {
      throw error;
    }
    return open(file, O_RDONLY | flags).catch(() => {
      throw error;
    });
  });
}

/** Whoever could have put something else in its place would have us empty it, or could hold the lock for ever. */
async function checkOurs(file: string, handle: FileHandle): Promise<void> {
  const found = await handle.stat();
  const folder = await stat(path.dirname(file));
  const trusted = [process.geteuid?.(), 0, folder.uid];
  const why = !found.isFile()
    ? 'it is no ordinary file'
    : found.nlink > 1
      ? 'it is a file with a second name (a hard link)'
      : trusted.includes(found.uid)
        ? null
        : `it is of uid ${found.uid}, and neither ours, of root, nor of the owner of its folder`;
  if (why !== null) {
    throw new SystemError(`locking ${file}: ${why}`, {
      hint: 'Where no Pointsman of that user runs, remove it: it is made anew.',
    });
  }
}

/** util-linux's own limit is none: a lock of a file server that is gone would be waited for. */
const LIMIT = 10_000;

async function flock(file: string, handle: FileHandle): Promise<void> {
  const ran = await runProgram('flock', ['-w', '0.5', '-E', String(HELD), '3'], {
    timeout: LIMIT,
    passOn: handle.fd,
  });
  if (ran.exitCode === 0) {
    return;
  }
  if (ran.exitCode === HELD) {
    const holder = await saidIn(handle);
    throw new LockedError(
      `locking ${file}: another Pointsman holds it (${holder || 'it does not say who'})`,
      {
        hint: 'One run or render at a time: stop the other one, or give this one its own stateDir and output.',
      },
    );
  }
  if (ran.error) {
    throw new SystemError(`locking ${file}: ${whyNotRun('flock', ran.error)}`, {
      hint: 'Install util-linux.',
      cause: ran.error,
    });
  }
  const ended = ran.timedOut
    ? `no answer in ${LIMIT / 1000} s`
    : `flock ended with ${ran.exitCode ?? ran.signal}`;
  throw new SystemError(`locking ${file}: ${ran.said.trim() || ended}`, {
    hint: 'Put stateDir and output on a file system that can lock.',
  });
}
