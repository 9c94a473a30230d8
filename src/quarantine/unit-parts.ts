import { compare } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { type Entries, sameValues, type Unit, type UnitChange } from '../tree/unit.ts';
import { lastGoodForm, movedForm } from '../tree/unit-forms.ts';
import type { Part } from './blame-search.ts';

/** A step of a unit from its last good form to what is wanted. */
export interface UnitPart extends Part {
  readonly unit: Unit;
  readonly step: /** Removals, drains and addresses, with everything else as it was. */
    | { readonly kind: 'moves' }
    /** What is left after `moves`, or everything. */
    | { readonly kind: 'goal' }
    /** One instance of a service that has no last good form. */
    | { readonly kind: 'one'; readonly key: string };
}

/** A change, and the parts in which it can be taken. */
export interface SplitChange extends UnitChange {
  /** Without any part. */
  readonly base: Entries;
  /** What `moves` gives. */
  readonly moved: Entries;
  readonly parts: readonly UnitPart[];
}

/**
 * Splits some changes. A service that is new with its route needs the route: without it, it would stand
 * where nobody asked for it. The instances of a service without a last good form are taken one by one.
 */
export function splitChanges(changes: readonly UnitChange[], grammar: Grammar): SplitChange[] {
  const newRoutes = new Set(
    changes.flatMap(({ unit, good, goal }) =>
      unit.kind === 'route' && good.size === 0 && goal.size > 0 ? [unit.name] : [],
    ),
  );
  return changes.map((change) => {
    const { unit, good, goal } = change;
    const moved = movedForm(change, grammar);
    const split = { ...change, base: lastGoodForm(change, grammar), moved };
    if (unit.kind !== 'instances' || good.size > 0) {
      const part = (kind: 'moves' | 'goal', needs: string | null): UnitPart => ({
        id: `${unit.id}: ${kind}`,
        needs,
        unit,
        step: { kind },
      });
      const all = part('goal', null);
      if (sameValues(moved, good)) {
        return { ...split, parts: [all] };
      }
      const moves = part('moves', null);
      if (sameValues(moved, goal)) {
        return { ...split, parts: [moves] };
      }
      return { ...split, parts: [moves, { ...all, needs: moves.id }] };
    }
    const needs = newRoutes.has(unit.name) ? `route of ${unit.name}: goal` : null;
    const parts = [...goal.keys()]
      .sort(compare)
      .map((key): UnitPart => ({ id: `instance ${key}`, needs, unit, step: { kind: 'one', key } }));
    return { ...split, parts };
  });
}

/** The parts of all changes in the order in which they are kept: what only moves, routes, instances, free keys. */
export function orderedParts(changes: readonly SplitChange[]): UnitPart[] {
  const rank = ({ step, unit }: UnitPart) =>
    step.kind === 'moves' ? 0 : 1 + ['route', 'instances', 'key'].indexOf(unit.kind);
  return changes.flatMap(({ parts }) => parts).sort((a, b) => rank(a) - rank(b) || compare(a.id, b.id));
}

/** The entries of a unit with these parts taken. */
export function entriesWith(change: SplitChange, taken: ReadonlySet<string>): Entries {
  const { base, goal, moved, parts } = change;
  const has = ({ id, needs }: UnitPart) => taken.has(id) && (needs === null || taken.has(needs));
  let entries = base;
  for (const part of parts) {
    if (!has(part)) {
      continue;
    }
    if (part.step.kind === 'moves') {
      entries = moved;
    } else if (part.step.kind === 'goal') {
      entries = goal;
    } else {
      const entry = goal.get(part.step.key);
      if (entry) {
        entries = new Map([...entries, [entry.key, entry]]);
      }
    }
  }
  return entries;
}
