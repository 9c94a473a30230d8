import type { Entry } from '../model/entry.ts';
import { covers } from '../model/keys.ts';
import type { KnownLayer, SourceEvent } from '../ports/source.ts';

export interface SourceLayerOptions {
  /** Whether it may be missing where nothing is known of it. */
  readonly optional: boolean;
  readonly known: KnownLayer | null;
}

/** The tree of one source: what it gave, and where it gives nothing what is known from before. */
export class SourceLayer {
  readonly isOptional: boolean;
  readonly entries: Map<string, Entry>;
  /** Whether it came from the source itself. */
  #hasGiven = false;
  /** Prefixes of which nothing is known; null where that is so of all. */
  #without: readonly string[] | null;

  constructor({ optional, known }: SourceLayerOptions) {
    this.isOptional = optional;
    this.entries = byKey(known?.entries ?? []);
    this.#without = known?.without ?? null;
  }

  /** What a source gave that was read once. */
  static of(entries: readonly Entry[]): SourceLayer {
    return new SourceLayer({ optional: false, known: { entries, without: [] } });
  }

  get hasGiven(): boolean {
    return this.#hasGiven;
  }

  /** Whether nothing is missing that must not be. */
  get isComplete(): boolean {
    return this.#without !== null && (this.isOptional || this.#without.length === 0);
  }

  /** Whether it is complete with a snapshot that leaves these prefixes out. */
  completes(refused: readonly string[] = []): boolean {
    return this.isOptional || this.#withoutAfter(refused).length === 0;
  }

  /** Takes a snapshot; what is known of prefixes that may not be read stays. */
  replace({
    entries,
    refused = [],
  }: Pick<Extract<SourceEvent, { kind: 'snapshot' }>, 'entries' | 'refused'>): void {
    this.#without = this.#withoutAfter(refused);
    for (const key of this.entries.keys()) {
      if (!refused.some((prefix) => covers(prefix, key))) {
        this.entries.delete(key);
      }
    }
    for (const entry of entries) {
      this.entries.set(entry.key, entry);
    }
    this.#hasGiven = true;
  }

  #withoutAfter(refused: readonly string[]): readonly string[] {
    const without = this.#without;
    return without === null ? refused : refused.filter((prefix) => without.includes(prefix));
  }
}

function byKey(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.key, entry]));
}
