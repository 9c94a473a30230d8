import { closeSync, constants, openSync, readSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { SystemError } from '../errors.ts';
import { whatWouldLet } from '../system/denied.ts';
import { whyNotRun } from '../system/not-run.ts';
import { runProgram } from '../system/run-program.ts';

/** What a HAProxy says on stdout and stderr, readable also by a Pointsman that did not start it. */
export interface LogPipe {
  /** For the child's stdout and stderr. */
  readonly fd: number;
  /** Stops reading. A HAProxy that lives on keeps its own end. */
  close(): void;
}

/** Who gets the lines. */
export interface LineListeners {
  /** Each line from now on. */
  readonly onLine: (line: string) => void;
  /** Each line that lay in the pipe already: of a HAProxy that ran while nobody read. */
  readonly onEarlier: (line: string) => void;
}

/**
 * Opens a named pipe for HAProxy's output. An ordinary pipe would end with Pointsman, and the next line that
 * HAProxy writes would kill it (SIGPIPE, until it has set its handlers again in a reload). This one is opened for
 * reading and writing, so it has a reader as long as HAProxy lives, and without blocking: while nobody
 * reads, 64 KiB are kept and further lines are dropped. Throws a `SystemError`.
 */
export async function openLogPipe(path: string, { onLine, onEarlier }: LineListeners): Promise<LogPipe> {
  const before = await stat(path).catch(() => null);
  if (before && !before.isFIFO()) {
    await rm(path, { force: true });
  }
  if (!before?.isFIFO()) {
    const made = await runProgram('mkfifo', ['-m', '600', path], { timeout: 10_000 });
    const found = made.error ? whyNotRun('mkfifo', made.error) : made.said.trim();
    if (made.exitCode !== 0) {
      throw new SystemError(`making the pipe ${path} for HAProxy's output: ${found}`, {
        hint: whatWouldLet('write', path),
      });
    }
  }
  const flags = constants.O_RDWR | constants.O_NONBLOCK;
  const fd = openSync(path, flags);
  for (const line of linesIn(fd)) {
    onEarlier(line);
  }
  const input = new Socket({ fd: openSync(path, flags), readable: true, writable: false });
  input.on('error', () => input.destroy());
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', onLine);
  input.unref();
  return {
    fd,
    close() {
      lines.close();
      input.destroy();
      closeSync(fd);
    },
  };
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
