import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FSWatcher, watch } from 'chokidar';
import { UsageError } from '../errors.ts';
import type { Settings } from './settings.ts';

/** What is read is taken when it has stayed the same for so long, in ms: a file may be half written. */
const SETTLES = 300;
/** But no later than so long after the first look. */
const LONGEST = 10_000;
/** Whatever happens in its folder, it is looked at no more often than this, in ms. */
const QUIET = 100;
/** How often it is looked at without being told to: for file systems that tell nothing, and swapped links. */
const BACKSTOP = 10_000;

export interface SettingsWatchOptions {
  /** The settings file, there or not. */
  readonly path: string;
  /** Reads and checks it as a start does. */
  readonly load: () => Promise<Settings>;
}

/** What came of looking at the settings. */
export type SettingsNews =
  | { readonly kind: 'read'; readonly settings: Settings; readonly cause: 'file' | 'SIGHUP' }
  | { readonly kind: 'refused'; readonly error: UsageError };

/**
 * Follows a settings file: its folder is watched (a file that is replaced, a link that is swapped, as Kubernetes does with
 * `..data`), and `ask` has it read at once. However many changes come, what lies there in the end is read once.
 */
export class SettingsWatch implements AsyncDisposable {
  readonly #options: SettingsWatchOptions;
  readonly #watcher: FSWatcher;
  #asked = false;
  #wake = new AbortController();
  /** The bytes that were read last; undefined before that. */
  #last: string | null | undefined;

  constructor(options: SettingsWatchOptions) {
    this.#options = options;
    const { path } = options;
    const watched = new Set([dirname(path), path]);
    this.#watcher = watch([...watched], {
      ignoreInitial: true,
      depth: 0,
      ignored: (one) => !watched.has(one) && basename(one) !== '..data',
    });
    const changed = () => this.#wake.abort();
    // An error (too many watches, a folder that went away) is a reason to look again, no more. `raw`: also a swapped link.
    this.#watcher.on('all', changed).on('raw', changed).on('error', changed);
  }

  /** Has it read, whether or not it changed. */
  ask(): void {
    this.#asked = true;
    this.#wake.abort();
  }

  /** What is read until `signal` aborts, what lies there at first too. */
  async *news(signal: AbortSignal): AsyncGenerator<SettingsNews, void, undefined> {
    while (!signal.aborted) {
      const bytes = await this.#settled(signal);
      const cause = this.#asked ? 'SIGHUP' : 'file';
      if (!signal.aborted && (this.#asked || bytes !== this.#last)) {
        this.#asked = false;
        this.#last = bytes;
        yield await this.#read(cause);
      }
      await this.#rest(BACKSTOP, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher.close();
  }

  async #read(cause: 'file' | 'SIGHUP'): Promise<SettingsNews> {
    try {
      return { kind: 'read', settings: await this.#options.load(), cause };
    } catch (error) {
      if (!(error instanceof UsageError)) {
        throw error;
      }
      return { kind: 'refused', error };
    }
  }

  /** What lies there, once it stays the same. */
  async #settled(signal: AbortSignal): Promise<string | null> {
    const { path } = this.#options;
    const end = performance.now() + LONGEST;
    let bytes = await bytesOf(path);
    while (!signal.aborted && bytes !== this.#last && performance.now() < end) {
      await sleep(SETTLES, undefined, { signal }).catch(() => undefined);
      const before = bytes;
      bytes = await bytesOf(path);
      if (bytes === before) {
        return bytes;
      }
    }
    return bytes;
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(
      () => undefined,
    );
    await sleep(QUIET, undefined, { signal }).catch(() => undefined);
    this.#wake = new AbortController();
  }
}

/** Null for what is not there or cannot be read: reading it as a start does says why. */
async function bytesOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    return null;
  }
}
