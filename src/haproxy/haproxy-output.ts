import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { explainFileError } from '../system/file-error.ts';
import { type LogPipe, openLogPipe } from './log-pipe.ts';

const KEPT_LINES = 200;
const SHOWN_LINES = 30;

/** What a HAProxy of ours says on stdout and stderr: each line is told, and the last ones are kept for messages. */
export class HaproxyOutput {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #lineCount = 0;
  #pipe: LogPipe | null = null;

  constructor(path: string, onLine: (line: string) => void = () => undefined) {
    this.#path = path;
    this.#onLine = onLine;
  }

  /** Opens the pipe, and makes its folder. What was written before is told, and counts for no HAProxy of now. */
  async open(): Promise<void> {
    if (this.#pipe) {
      return;
    }
    const folder = path.dirname(this.#path);
    try {
      await mkdir(folder, { recursive: true, mode: 0o750 });
    } catch (error) {
      throw explainFileError(error, `making the folder ${folder}`);
    }
    this.#pipe = await openLogPipe(this.#path, {
      onEarlier: this.#onLine,
      onLine: (line) => {
        this.#lineCount += 1;
        this.#lines.push(line);
        if (this.#lines.length > KEPT_LINES) {
          this.#lines.shift();
        }
        this.#onLine(line);
      },
    });
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

  /** Stops reading. */
  close(): void {
    this.#pipe?.close();
    this.#pipe = null;
  }
}
