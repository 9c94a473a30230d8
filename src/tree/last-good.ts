import type { Catalog } from '../model/catalog.ts';
import type { Grammar } from '../model/grammar.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { Rejection } from '../model/service.ts';
import type { Differences } from '../ports/stores.ts';
import type { Refused } from './refusals.ts';
import { type Entries, entriesOfUnit, sameValues, type Unit, type UnitChange, unitOf } from './unit.ts';

/** What a key was; undefined where it was not there. */
type Before = ReadonlyMap<string, ReadEntry | undefined>;

/**
 * Remembers by what the served tree differs from the last one that was accepted, a change at a time. What
 * comes while a text is judged counts for the next one.
 */
export class LastGood {
  #grammar: Grammar;
  /** Part of the text that was drawn last. */
  readonly #drawn = new Map<string, ReadEntry | undefined>();
  /** Came after it. */
  readonly #newer = new Map<string, ReadEntry | undefined>();
  /** What was rejected in each of them. */
  #drawnRejected: readonly Rejection[] = [];
  #rejected: readonly Rejection[] = [];
  #from: 'nowhere' | 'an earlier run' | 'this run' = 'nowhere';

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  /** Reads by this one from now on. */
  follow(grammar: Grammar): void {
    this.#grammar = grammar;
  }

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
      this.#drawn.set(key, entry && ReadEntry.of(entry, this.#grammar));
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
  note(before: Before): void {
    for (const [key, entry] of before) {
      if (!this.#newer.has(key)) {
        this.#newer.set(key, wholeOf(entry));
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

  /** By what the tree of now differs from the last good one; from an empty one where there is none. */
  get differences(): Before {
    return new Map([...this.#newer, ...this.#drawn]);
  }

  /**
   * By what the tree that is believed differs from the last good one; null where none was good yet. What is set aside is
   * among it: it is believed, and was never good, whatever becomes of the record that says so.
   */
  believedDifferences(aside: readonly Refused[]): Differences | null {
    if (this.#from === 'nowhere') {
      return null;
    }
    const replaced = aside.flatMap(({ believed, served }) =>
      [...new Set([...believed.keys(), ...served.keys()])]
        .filter((key) => believed.get(key) !== served.get(key))
        .map((key) => [key, wholeOf(served.get(key))] as const),
    );
    return new Map([...replaced, ...this.differences]);
  }

  /** The units by which a tree differs from the last good one, with their last good forms. */
  changedUnits({ tree, rejected }: Catalog, refused: (unit: Unit) => Refused | undefined): UnitChange[] {
    const before: Before = new Map([...this.differences, ...this.#winners({ tree, rejected })]);
    const changed = [...before].flatMap(([key, then]) => {
      const entry = tree.at(key) ?? then;
      return entry ? [{ key, then, unit: unitOf(entry) }] : [];
    });
    return [...Map.groupBy(changed, ({ unit }) => unit.id).values()].flatMap((keys) => {
      const [{ unit }] = keys as [(typeof keys)[0], ...typeof keys];
      const goal = entriesOfUnit(tree, unit, this.#grammar.prefixes);
      const known = this.#from === 'nowhere' ? refused(unit)?.good : undefined;
      const good = known ?? formBefore(goal, keys);
      return sameValues(good, goal) ? [] : [{ unit, good, goal }];
    });
  }

  /** Instances that were in the last good tree and had lost their address: nobody has judged them yet. */
  #winners({ tree, rejected }: Pick<Catalog, 'tree' | 'rejected'>): [string, undefined][] {
    const losers = new Set(rejected.map(({ key }) => key));
    return this.#rejected
      .filter(({ key, other }) => other !== undefined && !losers.has(key))
      .filter(({ key }) => tree.at(key)?.meaning.role.kind === 'instance')
      .map(({ key }) => [key, undefined]);
  }
}

/** Without what was kept out: it was in no tree. */
function wholeOf(entry: ReadEntry | undefined): ReadEntry | undefined {
  return entry?.refused === undefined ? entry : undefined;
}

/** The form of a unit with these keys as they were before. */
function formBefore(
  now: Entries,
  keys: readonly { readonly key: string; readonly then: ReadEntry | undefined }[],
): Entries {
  const form = new Map(now);
  for (const { key, then } of keys) {
    if (then) {
      form.set(key, then);
    } else {
      form.delete(key);
    }
  }
  return form;
}
