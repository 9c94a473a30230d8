import { type NamedFile, namedFiles } from '../plan/named-files.ts';
import type { RefusedBy } from '../ports/judge.ts';
import type { Entries, UnitChange } from '../tree/unit.ts';
import { searchCulprits } from './blame-search.ts';
import type { CheckBudget } from './check-budget.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { type Blame, type Refusal, refusedBy, wordsOfRefusal } from './refusal.ts';
import { CheckBroken, SubsetTester } from './subset-tester.ts';
import { entriesWith, orderedParts, type SplitChange, splitChanges, type UnitPart } from './unit-parts.ts';

/** What of a unit was accepted. */
export interface SettledForm extends UnitChange {
  /** What is to be served of it. */
  readonly kept: Entries;
  /** Why it is not the goal; empty where it is. */
  readonly reason: string;
  /** Who refuses the goal. */
  readonly by: RefusedBy;
  /** The `bind` lines for which it does. @default none */
  readonly binds?: readonly string[];
  /** The files that the text named which was refused: another one may be right. @default none */
  readonly files?: readonly NamedFile[];
}

/** What was accepted, as one text. */
export interface Settled {
  readonly forms: readonly SettledForm[];
  /** How many parts are in it. */
  readonly taken: number;
  /** Why each of the others is not, but for those that only go with one of them, and those that only this host refuses. */
  readonly refused: readonly string[];
}

/** What came of a search. */
export type SearchOutcome =
  | ({ readonly kind: 'settled' } & Settled)
  /** Not even the last good state is accepted now. */
  | { readonly kind: 'base refused'; readonly refusal: Refusal }
  /** The check could not be done. */
  | { readonly kind: 'broken'; readonly message: string }
  /** What is said of it names nothing, and a test would not tell. */
  | { readonly kind: 'nobody named' };

/** What a search starts from. */
export interface SearchStart extends Pick<QuarantineNeeds, 'served' | 'drawing' | 'judge' | 'plan'> {
  readonly budget: CheckBudget;
  readonly signal: AbortSignal;
  readonly known: /** All of it together was refused; the last good state is good. */
    | { readonly kind: 'refused'; readonly refusal: Refusal }
    /** It is not sure that the last good state still passes, or what is said of all of it now. */
    | { readonly kind: 'nothing' }
    /** The last good state is what runs. */
    | { readonly kind: 'base' };
}

/**
 * Finds what of some changes is refused, on a catalog of its own. The changes led to the served tree, or
 * lead from it to what is believed of something that is set aside.
 */
export async function searchChanges(
  changes: readonly UnitChange[],
  { served, drawing, judge, plan, budget, signal, known }: SearchStart,
): Promise<SearchOutcome> {
  try {
    const template = drawing.templates.current;
    if (!template) {
      throw new TypeError('there is no template');
    }
    const split = splitChanges(changes, served.grammar);
    const parts = orderedParts(split);
    const tester = new SubsetTester({
      catalog: served.copy(),
      changes: split,
      taken: known.kind === 'base' ? 'none' : 'all',
      ...{ drawing, judge, plan, budget, signal, template },
    });
    budget.found(0, parts.length);
    if (known.kind === 'nothing') {
      const wrong = await tester.test([]);
      if (wrong) {
        return { kind: 'base refused', refusal: wrong };
      }
    }
    const refusal = known.kind === 'refused' ? known.refusal : await tester.test(parts);
    if (refusal === null) {
      return { kind: 'settled', ...settled(split, parts) };
    }
    const found = await searchCulprits<UnitPart, Refusal, Blame>({
      parts,
      refusal,
      test(some, culprits) {
        budget.found(culprits, parts.length);
        return tester.test(some);
      },
      blame: (said, among) => tester.blame(said, among),
      // A reload is never tried to find something out: each that fails refuses connections.
      words: (said) => {
        const by = refusedBy(said);
        return by === 'reload' ? null : { words: wordsOfRefusal(said), by };
      },
    });
    if (found.kind !== 'settled') {
      return found;
    }
    const files = refusal.kind === 'refused' ? namedFiles(refusal.text) : [];
    return { kind: 'settled', ...settled(split, found.kept, { aside: found.aside, files }) };
  } catch (error) {
    if (error instanceof CheckBroken) {
      return { kind: 'broken', message: error.message };
    }
    throw error;
  } finally {
    budget.end();
  }
}

const NONE = { aside: new Map<UnitPart, Blame>(), files: [] };
const NOBODY: Blame = { words: '', by: 'check' };

function settled(
  changes: readonly SplitChange[],
  kept: readonly UnitPart[],
  {
    aside,
    files,
  }: { readonly aside: ReadonlyMap<UnitPart, Blame>; readonly files: readonly NamedFile[] } = NONE,
): Settled {
  const taken = new Set(kept.map(({ id }) => id));
  const forms = changes.map((change) => {
    const { unit, good, goal, parts } = change;
    const part = parts.find((one) => aside.has(one));
    const { words: reason, ...of } = (part && aside.get(part)) ?? NOBODY;
    return { unit, good, goal, kept: entriesWith(change, taken), reason, files, ...of };
  });
  const out = new Set([...aside.keys()].map(({ id }) => id));
  const refused = [...aside]
    .filter(([{ needs }, { by }]) => by === 'check' && (needs === null || !out.has(needs)))
    .map(([, { words }]) => words);
  return { forms, taken: taken.size, refused };
}
