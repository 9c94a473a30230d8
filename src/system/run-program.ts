import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ourUser } from './our-user.ts';
import { endGroup } from './process-group.ts';

export interface RunOptions {
  /** Milliseconds; then it is ended with all that it started (SIGTERM, half a second later SIGKILL). */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** A descriptor of ours that it gets as its descriptor 3. */
  readonly passOn?: number;
}

/** How a program ended. */
export interface Ran {
  /** What it said on stdout and stderr, as it came; of very much the beginning and the end. */
  readonly said: string;
  readonly exitCode: number | null;
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** Why it could not be run at all. */
  readonly error: NodeJS.ErrnoException | null;
}

const LINES = 30;

/** The last lines of what a program said, for a message. */
export function lastLines(said: string): string {
  const lines = said.trim().split('\n');
  return lines.length <= LINES ? lines.join('\n') : ['…', ...lines.slice(-LINES)].join('\n');
}

/** How long its last words are waited for, where a child of its own holds the pipes open. */
const DRAIN = 100;

type End = Pick<Ran, 'exitCode' | 'signal' | 'error'>;

/**
 * Runs a program to its end, without a shell and without input; never rejects: whoever aborts looks at the signal.
 * It is over when the program itself has ended, not when its pipes are closed: what it leaves behind (a HAProxy
 * that became a daemon, `sleep 600 &`) is neither waited for nor ended, and may write on. At the limit, and when
 * `signal` aborts, its whole process group is ended. By node:child_process: this runs at every change, and execa
 * takes three times as long for it and keeps 12 MB.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const child = start(command, args, options);
  if (child instanceof Error) {
    return { said: '', exitCode: null, signal: null, timedOut: false, error: child };
  }
  const said = new BoundedText();
  // Where no more descriptors are to be had, there are no streams either.
  const streams = [child.stdout, child.stderr].filter((stream) => stream instanceof Readable);
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (text: string) => said.add(text));
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = new Promise<End>((resolve) => {
    child.on('error', (error) => {
      // Without a process there is no `exit`.
      if (child.pid === undefined) {
        resolve({ exitCode: null, signal: null, error });
      }
    });
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal, error: null }));
  });
  const end = await inTime(ended, options);
  if (end !== null) {
    if (end.error === null) {
      await Promise.race([closed, sleep(DRAIN, undefined, { ref: false })]);
    }
    for (const stream of streams) {
      hearNoMore(stream);
    }
    return { said: said.text, timedOut: false, ...end };
  }
  const timedOut = options.signal?.aborted !== true;
  if (child.pid !== undefined) {
    await endGroup(child.pid);
  }
  // Not even SIGKILL ends a process that hangs in the kernel.
  const killed = await Promise.race([ended, sleep(DRAIN, null)]);
  for (const stream of streams) {
    stream.destroy();
  }
  child.unref();
  return { said: said.text, timedOut, ...(killed ?? { exitCode: null, signal: 'SIGKILL', error: null }) };
}

/** Most errors of a start come as an event; some are thrown (arguments that are too long). */
function start(
  command: string,
  args: readonly string[],
  { passOn }: RunOptions,
): ChildProcess | NodeJS.ErrnoException {
  const extra = passOn === undefined ? [] : [passOn];
  try {
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', ...extra], detached: true });
  } catch (error) {
    if (error instanceof Error) {
      return error;
    }
    throw error;
  }
}

/** Null where the time is over or `signal` aborts before. */
async function inTime(ended: Promise<End>, { timeout, signal }: RunOptions): Promise<End | null> {
  const over = new AbortController();
  const tooLong = new Promise<null>((resolve) => {
    const timer = setTimeout(() => resolve(null), timeout);
    over.signal.addEventListener('abort', () => clearTimeout(timer));
    signal?.addEventListener('abort', () => resolve(null), { signal: over.signal });
    if (signal?.aborted) {
      resolve(null);
    }
  });
  try {
    return await Promise.race([ended, tooLong]);
  } finally {
    over.abort();
  }
}

/** What still holds the pipe may write on for as long as we live; that neither reaches anybody nor keeps us alive. */
function hearNoMore(stream: Readable): void {
  stream.removeAllListeners('data');
  stream.resume();
  if (stream instanceof Socket) {
    stream.unref();
  }
}

/** Characters that are kept of the beginning, and of the end. */
const KEPT = 512 * 1024;

/** A text that comes in pieces and may become very long: of that, its beginning and its end are kept. */
class BoundedText {
  #head = '';
  #tail = '';
  #dropped = 0;

  /** Appends a piece. */
  add(piece: string): void {
    const room = KEPT - this.#head.length;
    this.#head += piece.slice(0, room);
    this.#tail += piece.slice(room);
    // Cut now and then only: each cut copies.
    if (this.#tail.length > 2 * KEPT) {
      this.#dropped += this.#tail.length - KEPT;
      this.#tail = this.#tail.slice(-KEPT);
    }
  }

  /** What is kept; a line of its own says how much is not. */
  get text(): string {
    const dropped = this.#dropped + Math.max(0, this.#tail.length - KEPT);
    if (dropped === 0) {
      return this.#head + this.#tail;
    }
    return `${this.#head}\n… ${dropped} characters left out …\n${this.#tail.slice(-KEPT)}`;
  }
}

/** Why a program could not be run, in words: `/usr/sbin/haproxy is not there`. */
export function whyNotRun(
  program: string,
  error: { readonly code?: string | undefined; readonly message?: string },
): string {
  switch (error.code) {
    case 'ENOENT':
      return `${program} is not there`;
    case 'EACCES':
    case 'EPERM':
      return `${program} may not be executed by ${ourUser()}`;
    case 'EAGAIN':
    case 'ENOMEM':
      return `there is no room for another process (${error.code})`;
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open (${error.code})`;
    case 'E2BIG':
      return `the arguments of ${program} are too long`;
    default:
      return error.message ?? 'it could not be run';
  }
}
