import type { Entry } from '../model/entry.ts';
import type { Picture } from './picture.ts';
import { entriesOfUnit } from './quarantine-shelf.ts';
import { type Entries, sameValues, type Unit, unitOf } from './quarantine-unit.ts';
import type { UnitChange } from './quarantine-units.ts';

/**
 * The units by which the believed tree differs from the last good one. Before any was good: from `seed`, the last
 * good tree of an earlier run, or from nothing; what an earlier run set aside has its good form even then.
 */
export function changedUnits(
  picture: Pick<Picture, 'catalog' | 'since' | 'shelf' | 'prefixes'>,
  seed: readonly Entry[] | null,
): readonly UnitChange[] {
  const { catalog, since, shelf, prefixes } = picture;
  const before = since.hasGood ? since.differences : differencesFrom(seed ?? [], catalog.tree);
  const units = new Map<string, Unit>();
  for (const key of before.keys()) {
    const unit = unitOf(key, prefixes);
    units.set(unit.id, unit);
  }
  return [...units.values()].flatMap((unit) => {
    const goal = entriesOfUnit(catalog.tree, unit, prefixes);
    const known = since.hasGood ? undefined : shelf.get(unit)?.good;
    const good = known ?? undone(goal, unit, (key) => unitOf(key, prefixes).id, before);
    return sameValues(good, goal) ? [] : [{ unit, good, goal }];
  });
}

function undone(
  goal: Entries,
  unit: Unit,
  idOf: (key: string) => string,
  before: ReadonlyMap<string, Entry | undefined>,
): Entries {
  const good = new Map(goal);
  for (const [key, entry] of before) {
    if (!goal.has(key) && idOf(key) !== unit.id) continue;
    if (entry) good.set(key, entry);
    else good.delete(key);
  }
  return good;
}

function differencesFrom(
  seed: readonly Entry[],
  tree: Iterable<Entry>,
): ReadonlyMap<string, Entry | undefined> {
  const before = new Map<string, Entry | undefined>(seed.map((entry) => [entry.key, entry]));
  for (const entry of tree) {
    if (before.get(entry.key)?.value === entry.value) before.delete(entry.key);
    else if (!before.has(entry.key)) before.set(entry.key, undefined);
  }
  return before;
}
