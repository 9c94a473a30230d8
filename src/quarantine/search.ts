import { searchCulprits } from '../plan/blame-search.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Allowance } from './check-budget.ts';
import { changesBetween } from './shelf.ts';
import { CheckBroken, QuarantineTrial, type Refusal, wordsOfRefusal } from './trial.ts';
import type { UnitChange } from './unit.ts';
import { orderedParts, plansOf, type UnitPart, type UnitPlan } from './unit-parts.ts';
import type { VouchingJudge } from './vouching-judge.ts';

/** A set of changes that was accepted, as one text. */
export interface Settled {
  readonly plans: readonly UnitPlan[];
  /** Ids of the parts that are in it. */
  readonly taken: ReadonlySet<string>;
  /** Why the others are not. */
  readonly aside: ReadonlyMap<UnitPart, string>;
}

/** What came of a search. */
export type SearchOutcome =
  | ({ readonly kind: 'settled' } & Settled)
  /** Not even the last good state is accepted now. */
  | { readonly kind: 'baseless'; readonly refusal: Refusal }
  /** The check could not be done. */
  | { readonly kind: 'broken'; readonly message: string };

/** What a search starts from. */
export interface SearchStart {
  readonly served: ServedTree;
  readonly drawing: Drawing;
  readonly judge: Pick<VouchingJudge, 'vouch'>;
  /** Throws where the way to a text cannot be planned, which is a bug. */
  readonly plan: (text: string) => void;
  readonly budget: Allowance;
  readonly signal: AbortSignal;
  readonly known: /** All of it together was refused; the last good state is good. */
    | { readonly kind: 'refused'; readonly refusal: Refusal }
    /** It is not sure that the last good state still passes, or what is said of all of it now. */
    | { readonly kind: 'nothing' }
    /** The last good state is what runs. */
    | { readonly kind: 'base' };
}

/**
 * Finds what of some changes is refused, on a catalog of its own. The changes start from the believed tree, or
 * lead from it to what the sources say of something that is set aside.
 */
export async function searchChanges(
  changes: readonly UnitChange[],
  { served, drawing, judge, plan, budget, signal, known }: SearchStart,
): Promise<SearchOutcome> {
  const template = drawing.templates.current;
  if (!template) {
    throw new TypeError('there is no template');
  }
  const plans = plansOf(changes);
  const parts = orderedParts(plans);
  const catalog = served.copy();
  for (const { unit, goal } of changes) {
    const shelved = served.shelf.get(unit);
    if (shelved) {
      catalog.apply(changesBetween(shelved.believed, goal));
    }
  }
  const trial = new QuarantineTrial({
    catalog,
    plans,
    ...{ plan, signal },
    render: (one) => drawing.tryRender(one, template, signal),
    check: (text) => judge.vouch(text, signal),
    spend: () => budget.spend(),
  });
  budget.begin(parts.length);
  try {
    if (known.kind === 'nothing') {
      const wrong = await trial.probe([]);
      if (wrong) {
        return { kind: 'baseless', refusal: wrong };
      }
    }
    const refusal = known.kind === 'refused' ? known.refusal : await trial.probe(parts);
    if (refusal === null) {
      return { kind: 'settled', plans, taken: new Set(parts.map(({ id }) => id)), aside: new Map() };
    }
    const found = await searchCulprits<UnitPart, Refusal>({
      parts,
      refusal,
      probe: (some) => trial.probe(some),
      blame: (said, among) => trial.blame(said, among),
      words: wordsOfRefusal,
      before: async (culprits) => budget.found(culprits),
    });
    if (found.kind === 'baseless') {
      return found;
    }
    return { kind: 'settled', plans, taken: new Set(found.kept.map(({ id }) => id)), aside: found.aside };
  } catch (error) {
    if (error instanceof CheckBroken) {
      return { kind: 'broken', message: error.message };
    }
    throw error;
  }
}
