import { dirname } from 'node:path';
import type { TemplateSet, Templates } from '../reconcile/interfaces.ts';
import { FolderChanges } from './folder-changes.ts';
import { readTemplateSet } from './read-template-set.ts';

/** How often an unreadable folder is tried again, in ms. */
const RETRY = 500;
/** How often the folder is read without being told to: for file systems that tell nothing, and swapped links. */
const BACKSTOP = 10_000;

/** The folder of a template on disk. */
export class TemplateFolder implements Templates {
  readonly #path: string;

  /** @param path of the template that is rendered; its folder is what includes may come from. */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws TemplateError or SystemError that says what is missing and what to do. */
  read(): Promise<TemplateSet> {
    return readTemplateSet(this.#path);
  }

  /**
   * Waits out whatever cannot be read: a template that is gone for a moment (editors that remove and write
   * anew), one that is still empty, a folder that is replaced. Ends when `signal` aborts.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<TemplateSet, void, undefined> {
    let last: TemplateSet | null = null;
    while (!signal.aborted) {
      // Opened anew after each time that nothing could be read: the folder may be another one now.
      await using changes = await FolderChanges.open(dirname(this.#path));
      let readable = true;
      while (readable && !signal.aborted) {
        const set: TemplateSet | null = await this.#tryToRead();
        readable = set !== null;
        if (set !== null && !same(last, set)) {
          last = set;
          yield set;
        }
        await changes.next(readable ? BACKSTOP : RETRY, signal);
      }
    }
  }

  async #tryToRead(): Promise<TemplateSet | null> {
    try {
      const set = await this.read();
      return set.files.get(set.entry)?.trim() === '' ? null : set;
    } catch {
      return null;
    }
  }
}

function same(a: TemplateSet | null, b: TemplateSet): boolean {
  return (
    a !== null &&
    a.files.size === b.files.size &&
    [...b.files].every(([name, text]) => a.files.get(name) === text)
  );
}
