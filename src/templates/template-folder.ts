import { dirname } from 'node:path';
import { PointsmanError, TemplateError } from '../errors.ts';
import type { Templates } from '../ports/templates.ts';
import type { TemplateSet } from '../render/template-set.ts';
import { FolderChanges } from './folder-changes.ts';
import { readTemplateSet } from './read-template-set.ts';

/** How often an unreadable folder is tried again, in ms. */
const RETRY = 500;
/** How often the folder is read without being told to: for file systems that tell nothing, and swapped links. */
const BACKSTOP = 10_000;

/** What cannot be read for so long is told; an editor that writes anew takes less. In ms. */
const GRACE = 1_000;
const STAYS = 'the last good template stays in use until there is one again';

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
  async *watch(signal: AbortSignal): AsyncGenerator<TemplateSet | PointsmanError, void, undefined> {
    let last: TemplateSet | null = null;
    let readAt = performance.now();
    let told = '';
    while (!signal.aborted) {
      // Opened anew after each time that nothing could be read: the folder may be another one now.
      await using changes = await FolderChanges.open(dirname(this.#path));
      let readable = true;
      while (readable && !signal.aborted) {
        const set: TemplateSet | PointsmanError = await this.#tryToRead();
        readable = !(set instanceof PointsmanError);
        if (set instanceof PointsmanError) {
          if (performance.now() - readAt >= GRACE && told !== set.message) {
            told = set.message;
            last = null;
            yield set;
          }
        } else {
          readAt = performance.now();
          told = '';
          if (!same(last, set)) {
            last = set;
            yield set;
          }
        }
        await changes.next(readable ? BACKSTOP : RETRY, signal);
      }
    }
  }

  async #tryToRead(): Promise<TemplateSet | PointsmanError> {
    try {
      const set = await this.read();
      if (set.files.get(set.entry)?.trim() !== '') {
        return set;
      }
      return new TemplateError(`reading the template ${this.#path}: it is empty`, { hint: STAYS });
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      return error;
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
