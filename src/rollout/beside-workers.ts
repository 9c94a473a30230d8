import type { FileBeside, FilesBeside } from '../ports/files-beside.ts';

/** Asks each worker once what it loaded beside our file. */
export class BesideWorkers {
  readonly #files: FilesBeside | undefined;
  #asked: number | null = null;

  /** Without `files` nobody is asked. */
  constructor(files?: FilesBeside) {
    this.#files = files;
  }

  /** What a worker loaded beside our file; null where that was said already, or nobody says it. */
  async newOf(pid: number, signal: AbortSignal): Promise<readonly FileBeside[] | null> {
    if (!this.#files || pid === this.#asked) {
      return null;
    }
    const found = await this.#files.read(signal);
    this.#asked = found === null ? this.#asked : pid;
    return found;
  }
}
