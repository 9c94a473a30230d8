import { compare, type Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { atAddress } from '../model/kept.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { Instance } from '../model/service.ts';
import type { Entries, UnitChange } from './unit.ts';

/**
 * What of a goal goes through although the unit is set aside: instances that went are gone, addresses and
 * drains are those of now, and a newcomer stands as its siblings stood, at its own address. All else stays as
 * it was when it was good. Routes and free keys can only go.
 */
export function movedForm({ unit, good, goal }: UnitChange, grammar: Grammar): Entries {
  if (unit.kind !== 'instances') {
    return goal.size === 0 ? goal : good;
  }
  const sibling = [...good.values()]
    .sort((a, b) => compare(a.key, b.key))
    .find((entry) => instanceOf(entry) !== undefined);
  const form = new Map<string, ReadEntry>();
  const put = (entry: Entry, before?: ReadEntry) => form.set(entry.key, ReadEntry.of(entry, grammar, before));
  for (const entry of goal.values()) {
    const now = instanceOf(entry);
    const before = good.get(entry.key);
    const then = before && instanceOf(before);
    if (!now) {
      put(entry);
    } else if (before && then) {
      const stays = then.address === now.address && then.drain === now.drain;
      put({ ...entry, value: stays ? before.value : atAddress(before.value, now) }, before);
    } else if (sibling) {
      put({ ...entry, value: atAddress(sibling.value, now) }, entry);
    }
  }
  return form;
}

/**
 * The last good form, whole: only where even its moves are refused. An instance that is not registered like
 * this any more gives its address up to every key that claims it now: it counts as the oldest of all.
 */
export function lastGoodForm({ unit, good, goal }: UnitChange, grammar: Grammar): Entries {
  if (unit.kind !== 'instances') {
    return good;
  }
  const form = new Map<string, ReadEntry>();
  for (const entry of good.values()) {
    const live = goal.get(entry.key);
    const claimed = live && instanceOf(live)?.address === instanceOf(entry)?.address;
    const changed = claimed ? { ...live, value: entry.value } : { ...entry, source: 0, modified: 0n };
    form.set(entry.key, ReadEntry.of(changed, grammar, entry));
  }
  return form;
}

function instanceOf({ meaning }: ReadEntry): Instance | undefined {
  return meaning.kind === 'instance' ? meaning.instance : undefined;
}
