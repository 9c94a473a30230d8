import type { Entry } from '../model/entry.ts';
import type { Rejection } from '../model/service.ts';
import type { Differences } from '../ports/stores.ts';

/**
 * Remembers by what the served tree differs from the last one that was accepted, a change at a time. What
 * comes while a text is judged counts for the next one.
 */
export class LastGood {
  /** Part of the text that was drawn last. */
  readonly #drawn = new Map<string, Entry | undefined>();
  /** Came after it. */
  readonly #newer = new Map<string, Entry | undefined>();
  /** What was rejected in each of them. */
  #drawnRejected: readonly Rejection[] = [];
  #rejected: readonly Rejection[] = [];
  #from: 'nowhere' | 'an earlier run' | 'this run' = 'nowhere';

  /** Where the last good tree was accepted. */
  get from(): 'nowhere' | 'an earlier run' | 'this run' {
    return this.#from;
  }

  /**
   * The tree as it is comes from an earlier run, and differs by this from the last one that was accepted there:
   * until one is accepted here, that one is compared with.
   */
  differsBy(differences: Differences): void {
    this.#newer.clear();
    this.#drawn.clear();
    for (const [key, entry] of differences) {
      this.#drawn.set(key, entry);
    }
    this.#from = 'an earlier run';
  }

  /** Whether it is what is served. */
  get isServed(): boolean {
    return this.#from !== 'nowhere' && this.#newer.size + this.#drawn.size === 0;
  }

  /** Whether the tree is another one than that of the text that was drawn last. */
  get hasNewer(): boolean {
    return this.#newer.size > 0;
  }

  /** Keys that were changed, with what they were before. */
  note(before: Iterable<readonly [string, Entry | undefined]>): void {
    for (const [key, entry] of before) {
      if (!this.#newer.has(key)) {
        this.#newer.set(key, entry);
      }
    }
  }

  /** A text was drawn from the tree as it is. */
  drew(rejected: readonly Rejection[]): void {
    this.#drawnRejected = rejected;
    for (const [key, entry] of this.#newer) {
      if (!this.#drawn.has(key)) {
        this.#drawn.set(key, entry);
      }
    }
    this.#newer.clear();
  }

  /** The text that was drawn last is good. */
  accepted(): void {
    this.#rejected = this.#drawnRejected;
    this.#drawn.clear();
    this.#from = 'this run';
  }

  /** Keys that another one had claimed the place of: they were part of the tree, and of no text. */
  get losers(): readonly string[] {
    return this.#rejected.flatMap(({ key, other }) => (other === undefined ? [] : [key]));
  }

  /** By what the tree of now differs from the last good one; from an empty one where there is none. */
  get differences(): Differences {
    return new Map([...this.#newer, ...this.#drawn]);
  }
}
