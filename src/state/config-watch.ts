import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { rest } from '../ports/clock.ts';

/** Often enough that an edit is noticed within 1 s, also where nobody tells of changes (network and overlay file systems). */
const PAUSE = 300;

/** Tells what somebody else did to a file from what we did to it. */
export class ConfigWatch {
  readonly #path: string;
  /** The file as it was last read, seen or put there by us; undefined before that. */
  #known: string | undefined;
  /** The same, but what was only seen does not count. */
  #trusted: string | undefined;
  /** What we are about to put in its place. */
  #ours: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the file as it is now for known: it is about to be read. */
  async look(): Promise<void> {
    this.#known = await signatureOf(this.#path);
    this.#trusted = this.#known;
  }

  /** `temp` is about to be renamed onto the file. */
  async expect(temp: string): Promise<void> {
    this.#ours = await signatureOf(temp);
  }

  /** It was: what comes after it is somebody else's, even where it is what was there before. */
  arrived(): void {
    this.#known = this.#ours;
    this.#trusted = this.#ours;
  }

  /** Whether that is neither what was last read nor what we put there. */
  isForeign(found: BigIntStats): boolean {
    return this.#trusted !== undefined && describe(found) !== this.#trusted;
  }

  /**
   * Yields whenever somebody else replaced, wrote or removed the file, also where its text is the same again
   * afterwards: within 1 s. Ends without an error when `signal` aborts.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<void> {
    while (!signal.aborted) {
      const now = await signatureOf(this.#path);
      const before = this.#known;
      this.#known = now;
      if (now !== before && now !== this.#ours) {
        yield;
      }
      await rest(PAUSE, signal);
    }
  }
}

/** A rename keeps all three of them. Empty where there is no such file. */
async function signatureOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(() => null);
  return found === null ? '' : describe(found);
}

function describe({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}
