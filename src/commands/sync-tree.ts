import type { WantedKey } from '../announce/key-set.ts';
import { markedValue } from '../announce/marked-value.ts';
import { ownerOf } from '../announce/registration.ts';
import { BelievedTree } from '../guard/believed-tree.ts';
import type { GuardOptions, Held } from '../guard/guard.ts';
import type { Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { refusalOf } from '../model/kept.ts';
import { RawTree, type SourceData } from '../tree/raw-tree.ts';

export interface SyncTreeOptions {
  readonly grammar: Grammar;
  readonly guard: GuardOptions;
  /** Whose mark the keys have. */
  readonly owner: string;
  /** Milliseconds since 1970 that never go back. */
  readonly now: () => number;
}

/** A key that is not written, with why. */
export interface LeftOut {
  readonly key: string;
  readonly why: string;
}

/**
 * What is to stand in the store: what the sources say, and what the guard holds of that which went from there. It begins
 * with what the one before has written: so an empty answer at a start takes nothing away.
 */
export class SyncTree {
  readonly #options: SyncTreeOptions;
  readonly #raw: RawTree;
  readonly #believed: BelievedTree;

  /** `written`: what stands in the store; what has another mark, or none, is passed over. */
  constructor(written: readonly Entry[], options: SyncTreeOptions) {
    const { grammar, guard, owner } = options;
    this.#options = options;
    this.#raw = new RawTree(grammar);
    this.#believed = new BelievedTree(this.#raw, guard);
    const entries = written.filter(({ value }) => ownerOf(value) === owner);
    this.#take({ kind: 'snapshot', entries, revision: 0n });
    this.#believed.begin();
  }

  /** Takes what the sources say; gives what is held from now on. */
  take(event: SourceData): readonly Held[] {
    const changes = this.#take(event);
    return this.#believed.apply({ changes, now: this.#options.now() }).held;
  }

  /** Lets go what was held for long enough; says whether something was. */
  turn(): boolean {
    return this.#believed.turn(this.#options.now()).letGo.length > 0;
  }

  /** Goes by these rules from now on; what is held ends by them too. */
  follow(guard: GuardOptions): void {
    this.#believed.follow(guard);
  }

  /** A person believes what went: nothing is held any more. */
  release(): void {
    this.#believed.letGo([...this.#believed.held.keys()], 'released');
  }

  /** How many keys are held. */
  get held(): number {
    return this.#believed.held.size;
  }

  /** The keys that are to stand there, each with its mark. */
  get wanted(): readonly WantedKey[] {
    const { owner } = this.#options;
    return [...this.#believed].flatMap((entry) => {
      const value = markedValue(entry, owner);
      return value === null ? [] : [{ key: entry.key, value, owner }];
    });
  }

  /** What is not written, or not as its source has it, with why. */
  get leftOut(): readonly LeftOut[] {
    return [...this.#raw].flatMap((entry) => {
      const refused = refusalOf(entry);
      if (refused !== null) {
        return [{ key: entry.key, why: refused.reason }];
      }
      return entry.meaning.kind === 'text'
        ? [
            {
              key: entry.key,
              why: 'it is no instance and no route, and has no place for the mark of its owner',
            },
          ]
        : [];
    });
  }

  #take(event: SourceData) {
    return this.#raw.take(event, {
      now: this.#options.now(),
      believed: (key) => this.#believed.held.get(key)?.entry,
    });
  }
}
