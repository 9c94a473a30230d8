import type { ServedTree } from '../tree/served-tree.ts';
import { entriesOfUnit } from './shelf.ts';
import { sameValues, type Unit, type UnitChange, unitOf } from './unit.ts';

/**
 * The units by which the believed tree differs from the last good one. Where no tree was good yet, what an earlier
 * run set aside has its good form all the same.
 */
export function changedUnits(
  served: Pick<ServedTree, 'catalog' | 'since' | 'shelf' | 'prefixes'>,
): readonly UnitChange[] {
  const { catalog, since, shelf, prefixes } = served;
  const before = since.differences;
  const units = new Map<string, { readonly unit: Unit; readonly keys: string[] }>();
  for (const key of before.keys()) {
    const unit = unitOf(key, prefixes);
    const known = units.get(unit.id) ?? { unit, keys: [] };
    known.keys.push(key);
    units.set(unit.id, known);
  }
  return [...units.values()].flatMap(({ unit, keys }) => {
    const goal = entriesOfUnit(catalog.tree, unit, prefixes);
    const good = new Map(goal);
    for (const key of keys) {
      const entry = before.get(key);
      if (entry) {
        good.set(key, entry);
      } else {
        good.delete(key);
      }
    }
    const kept = since.hasBase ? good : (shelf.get(unit)?.good ?? good);
    return sameValues(kept, goal) ? [] : [{ unit, good: kept, goal }];
  });
}
