import { once } from 'node:events';
import { basename, resolve } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { rest } from '../ports/clock.ts';
import { isLeftOut } from './read-template-set.ts';

/** A save is over when nothing has happened in the folder for this long. */
const QUIET = 100;

/** But no later than so long after the first change. */
const LONGEST = 1_000;

/** Tells that something in a folder changed: at least once for any number of changes. */
export class FolderChanges {
  readonly #watcher: FSWatcher;
  #count = 0;
  #seen = 0;
  #wake = new AbortController();

  private constructor(watcher: FSWatcher) {
    this.#watcher = watcher;
    const changed = () => {
      this.#count += 1;
      this.#wake.abort();
    };
    // An error (too many watches, a folder that went away) is a reason to look again, no more.
    watcher.on('all', changed).on('error', changed);
  }

  /** Resolves when every later change will be seen. */
  static async open(folder: string): Promise<FolderChanges> {
    const root = resolve(folder);
    const watcher = watch(root, {
      ignoreInitial: true,
      ignored: (path) => resolve(path) !== root && isLeftOut(basename(path)),
    });
    const changes = new FolderChanges(watcher);
    await once(watcher, 'ready').catch(() => undefined);
    return changes;
  }

  /** Waits for a change since the last call and for it to be over; at most `atMost` ms, or until `signal` aborts. */
  async next(atMost: number, signal: AbortSignal): Promise<void> {
    if (this.#count === this.#seen) {
      await this.#wait(atMost, signal);
    }
    // A file that is written all the time, a log, must not keep the others waiting.
    const end = performance.now() + LONGEST;
    while (this.#count !== this.#seen && !signal.aborted && performance.now() < end) {
      this.#seen = this.#count;
      await this.#wait(QUIET, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher.close();
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    await rest(ms, signal, this.#wake.signal);
  }
}
