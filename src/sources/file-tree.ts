import { readFile } from 'node:fs/promises';
import { SourceError } from '../errors.ts';
import type { Change, Entry } from '../model/entry.ts';
import { Tree } from '../model/tree.ts';
import { rest } from '../ports/clock.ts';
import { whatWouldLet } from '../system/denied.ts';
import { type FileState, listFiles } from './file-listing.ts';
import { parseTreeEntries } from './tree-file.ts';
import type { TreeShape } from './tree-shape.ts';
import { fileText } from './utf8-text.ts';

/** A file or folder that keys come from. */
export interface FileSourceOptions {
  readonly path: string;
  readonly shape: TreeShape;
  /** The place of this source in the settings: `Entry.source`. */
  readonly index: number;
}

/** A file this young may still be growing. */
const SETTLE = 100;
/** A file that is broken, empty or gone is believed to be when it has been so this long: editors rename and write in steps. */
const DOUBT = 400;
const LONGEST_WAIT = 2_000;

interface Known {
  readonly signature: string;
  /** The last good content, or null when there never was one. */
  readonly entries: readonly Entry[] | null;
  readonly error: SourceError | null;
}

/** What lies there at one moment. */
interface Picture {
  readonly known: Map<string, Known>;
  readonly files: readonly FileState[];
  /** False when something moved between the look at the dates and the reading. */
  readonly steady: boolean;
}

/**
 * What is known of the files of a source. Each keeps its last good content while it is broken, and all do while
 * the folder is away.
 */
export class FileTree {
  /** All keys; the later file wins. */
  readonly tree = new Tree();
  readonly #options: FileSourceOptions;
  #known = new Map<string, Known>();
  /**
   * Since when each file is as it is: by its date at the first look, then by when that was first seen, as a truncation
   * is seen by its size before its date has moved.
   */
  #seen = new Map<string, { readonly signature: string; readonly since: number }>();
  #missing: SourceError | null = null;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /** What is wrong, or null. */
  get error(): SourceError | null {
    const broken = [...this.#known.values()].find(({ error }) => error);
    return this.#missing ?? broken?.error ?? null;
  }

  /** Reads what changed since the last time, once it has settled; gives the steps from the tree before. */
  async update(signal: AbortSignal): Promise<readonly Change[]> {
    const began = performance.now();
    for (;;) {
      const next = await this.#look();
      const waited = performance.now() - began;
      const wait = waited < LONGEST_WAIT ? this.#wait(next, waited) : 0;
      if (wait > 0) {
        await rest(wait, signal);
        if (signal.aborted) {
          return [];
        }
        continue;
      }
      if (next) {
        this.#known = next.known;
      }
      const entries = [...this.#known.values()].flatMap((known) => known.entries ?? []);
      const changes = this.tree.changesTo(new Map(entries.map((entry) => [entry.key, entry])).values());
      this.tree.apply(changes);
      return changes;
    }
  }

  /** Lists and parses; null when the path itself cannot be read. */
  async #look(): Promise<Picture | null> {
    const { path } = this.#options;
    try {
      const files = await listFiles(path);
      this.#missing = null;
      const known = new Map<string, Known>();
      for (const file of files) {
        known.set(file.path, await this.#load(file));
      }
      const after = await listFiles(path);
      this.#see(files);
      return { known, files, steady: signatures(files) === signatures(after) };
    } catch (error) {
      if (!isSystemError(error)) {
        throw error;
      }
      this.#missing = unreadable(path, error);
      return null;
    }
  }

  async #load({ path, signature }: FileState): Promise<Known> {
    const before = this.#known.get(path);
    if (before?.signature === signature && !before.error) {
      return before;
    }
    const { shape, index } = this.#options;
    try {
      const text = fileText(await readFile(path), path);
      return { signature, entries: parseTreeEntries(text, { file: path, shape, index }), error: null };
    } catch (error) {
      const told = isSystemError(error) ? unreadable(path, error) : error;
      if (!(told instanceof SourceError)) {
        throw error;
      }
      return { signature, entries: before?.entries ?? null, error: told };
    }
  }

  /** How long to wait before this picture is believed; 0 when it is. */
  #wait(picture: Picture | null, waited: number): number {
    if (!picture) {
      return this.#known.size > 0 && waited < DOUBT ? SETTLE : 0;
    }
    const { known, files, steady } = picture;
    if (!steady) {
      return SETTLE;
    }
    const gone = [...this.#known.keys()].some((path) => !known.has(path));
    if (gone && waited < DOUBT) {
      return SETTLE;
    }
    const longest = files
      .filter(({ path, signature }) => this.#known.get(path)?.signature !== signature)
      .map(({ path }) => (known.get(path)?.error ? DOUBT : SETTLE) - this.#age(path))
      .reduce((most, wait) => Math.max(most, wait), 0);
    return Math.min(SETTLE, longest);
  }

  #see(files: readonly FileState[]): void {
    const first = this.#known.size === 0 && this.#seen.size === 0;
    const now = performance.now();
    const seen = files.map(({ path, signature, age }) => {
      const before = this.#seen.get(path);
      const since = first ? now - age : now;
      return [path, before?.signature === signature ? before : { signature, since }] as const;
    });
    this.#seen = new Map(seen);
  }

  #age(path: string): number {
    const now = performance.now();
    return now - (this.#seen.get(path)?.since ?? now);
  }
}

function signatures(files: readonly FileState[]): string {
  return files.map(({ path, signature }) => `${path} ${signature}`).join('\n');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

function unreadable(path: string, error: NodeJS.ErrnoException): SourceError {
  const missing = error.code === 'ENOENT';
  return new SourceError(`reading ${path}: ${missing ? 'it is not there' : error.message}`, {
    hint: missing
      ? 'create it, or correct the path of the file source; it is read as soon as it appears'
      : whatWouldLet('read', error.path ?? path),
    cause: error,
  });
}
