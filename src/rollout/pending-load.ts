import { type Emit, noticeOf } from '../events.ts';
import type { PendingNote } from '../ports/stores.ts';

/**
 * The text that was published and that HAProxy was not yet told, or seen, to load. It lies on the disk as well:
 * where HAProxy cannot be asked, nothing else tells after a crash that a reload is still owed.
 */
export class PendingLoad {
  readonly #note: PendingNote | undefined;
  readonly #emit: Emit;
  #mark: string | null = null;

  constructor(note: PendingNote | undefined, emit: Emit) {
    this.#note = note;
    this.#emit = emit;
  }

  /** Reads what a run of before left. */
  async open(): Promise<void> {
    this.#mark = (await this.#note?.read()) ?? null;
  }

  /** Whether the text with this mark is still to be loaded. */
  is(mark: string | null): boolean {
    return mark !== null && mark === this.#mark;
  }

  /** The text with this mark is about to be published; null: it was loaded, or is not the file any more. */
  async set(mark: string | null): Promise<void> {
    if (!this.#note || mark === this.#mark) {
      return;
    }
    this.#mark = mark;
    try {
      await (mark === null ? this.#note.clear() : this.#note.write(mark));
    } catch (error) {
      // Only a crash in the next moments would matter.
      this.#emit(noticeOf(error));
    }
  }
}
