import { closeSync, constants, openSync, readSync } from 'node:fs';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { SystemError } from '../errors.ts';
import { whatWouldLet } from '../system/denied.ts';
import { explainFileError } from '../system/file-error.ts';
import { runProgram, whyNotRun } from '../system/run-program.ts';

const KEPT_LINES = 200;
const SHOWN_LINES = 30;

/**
 * What a HAProxy of ours says on stdout and stderr, through a named pipe: each line is told, and the last ones are kept for
 * messages. An ordinary pipe would end with Pointsman, and the next line that HAProxy writes would kill it (SIGPIPE, until
 * it has set its handlers again in a reload). This one is opened for reading and writing, so it has a reader as long as
 * HAProxy lives, and without blocking: while nobody reads, 64 KiB are kept and further lines are dropped.
 */
export class HaproxyOutput {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #lineCount = 0;
  #pipe: { readonly fd: number; close(): void } | null = null;

  constructor(path: string, onLine: (line: string) => void = () => undefined) {
    this.#path = path;
    this.#onLine = onLine;
  }

  /**
   * Makes the pipe and its folder, and begins to read. What was written before, by a HAProxy that ran while nobody read, is
   * told, and counts for no HAProxy of now. Throws a `SystemError`.
   */
  async open(): Promise<void> {
    if (this.#pipe) {
      return;
    }
    await makePipe(this.#path);
    const flags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    const fd = openSync(this.#path, flags);
    for (const line of linesIn(fd)) {
      this.#onLine(line);
    }
    const input = new Socket({ fd: openSync(this.#path, flags), readable: true, writable: false });
    input.on('error', () => input.destroy());
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', (line) => this.#keep(line));
    input.unref();
    const close = () => {
      lines.close();
      input.destroy();
      closeSync(fd);
    };
    this.#pipe = { fd, close };
  }

  #keep(line: string): void {
    this.#lineCount += 1;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) {
      this.#lines.shift();
    }
    this.#onLine(line);
  }

  /** For HAProxy's stdout and stderr; our own stderr before it is opened. */
  get fd(): number {
    return this.#pipe?.fd ?? 2;
  }

  /** How many lines came until now. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** The lines that came after the first `from`, as far as they are kept. */
  linesAfter(from: number): string {
    const fresh = Math.min(this.#lineCount - from, this.#lines.length);
    return fresh > 0 ? this.#lines.slice(-Math.min(fresh, SHOWN_LINES)).join('\n') : '';
  }

  /** Stops reading. A HAProxy that lives on keeps its own end. */
  close(): void {
    this.#pipe?.close();
    this.#pipe = null;
  }
}

async function makePipe(place: string): Promise<void> {
  const folder = path.dirname(place);
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
  } catch (error) {
    throw explainFileError(error, `making the folder ${folder}`);
  }
  const before = await lstat(place).catch(() => null);
  // Whose it is can read what HAProxy says.
  if (before?.isFIFO() && (before.uid === process.geteuid?.() || before.uid === 0)) {
    return;
  }
  if (before) {
    await rm(place, { force: true });
  }
  const made = await runProgram('mkfifo', ['-m', '600', place], { timeout: 10_000 });
  if (made.exitCode !== 0) {
    const found = made.error ? whyNotRun('mkfifo', made.error) : made.said.trim();
    throw new SystemError(`making the pipe ${place} for HAProxy's output: ${found}`, {
      hint: whatWouldLet('write', place),
    });
  }
}

/** What a descriptor that does not block holds at this moment. */
function linesIn(fd: number): readonly string[] {
  const chunk = Buffer.alloc(64 * 1024);
  const found: Buffer[] = [];
  try {
    // A pipe holds 64 KiB; who writes all the time must not keep us.
    for (let turn = 0; turn < 16; turn += 1) {
      const size = readSync(fd, chunk);
      if (size === 0) {
        break;
      }
      found.push(Buffer.from(chunk.subarray(0, size)));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
      throw error;
    }
  }
  const text = Buffer.concat(found).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}
