import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNotRun } from '../system/not-run.ts';
import { haproxyLives, workersOf } from './haproxy-process.ts';

export interface ChildOptions {
  readonly binary: string;
  readonly masterSocket: string;
  readonly configPath: string;
  readonly pidFile: string;
  /** Gets stdout and stderr. */
  readonly logFd: number;
}

/** A HAProxy master that was started here. */
export interface HaproxyChild {
  /** Undefined where the program could not be started. */
  readonly pid: number | undefined;
  /** How it ended; null while it lives. */
  ended(): string | null;
  /** Resolves with a sentence on how it ended. */
  readonly end: Promise<string>;
}

/**
 * Starts `haproxy -W` in a session of its own: it outlives this process, however that ends, and a Ctrl-C of the
 * terminal does not reach it. `-db` keeps the master in the foreground whatever its text says (`daemon`), as in
 * HAProxy's own image.
 */
export function startChild(options: ChildOptions): HaproxyChild {
  const { binary, masterSocket, configPath, pidFile, logFd } = options;
  const args = ['-W', '-db', '-S', `${masterSocket},mode,600`, '-f', configPath, '-p', pidFile];
  let how: string | null = null;
  const { promise, resolve } = Promise.withResolvers<string>();
  const end = (sentence: string) => {
    how ??= sentence;
    resolve(how);
  };
  const fail = (error: NodeJS.ErrnoException) =>
    end(`starting ${binary}: ${whyNotRun('it', error)}. Install HAProxy, or set haproxy.binary`);
  let child: ChildProcess;
  try {
    child = spawn(binary, args, { detached: true, stdio: ['ignore', logFd, logFd] });
  } catch (error) {
    if (!(error instanceof Error)) {
      throw error;
    }
    fail(error);
    return { pid: undefined, ended: () => how, end: promise };
  }
  child.on('error', fail);
  child.once('exit', (code, signal) => end(`HAProxy ended (${signal ?? `exit code ${code}`})`));
  child.unref();
  return { pid: child.pid, ended: () => how, end: promise };
}

/**
 * Stops a master softly: SIGUSR1, so that workers take no new connections and finish what they have; after
 * `grace` ms SIGTERM; a second later SIGKILL, for its workers too.
 */
export async function stopMaster(master: number, grace: number): Promise<void> {
  const workers = await workersOf(master);
  for (const [name, patience] of [
    ['SIGUSR1', grace],
    ['SIGTERM', 1000],
    ['SIGKILL', 1000],
  ] as const) {
    if (!(await haproxyLives(master))) {
      break;
    }
    send(master, name);
    await gone([master], patience);
  }
  for (const worker of workers) {
    if (await haproxyLives(worker)) {
      send(worker, 'SIGKILL');
    }
  }
  await gone(workers, 1000);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

async function gone(pids: readonly number[], patience: number): Promise<void> {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    const living = await Promise.all(pids.map(haproxyLives));
    if (!living.includes(true)) {
      return;
    }
    await sleep(20);
  }
}
