import { compare, type Entry } from '../model/entry.ts';
import { parseInstance } from '../model/instance-value.ts';
import type { Instance } from '../model/service.ts';
import { parseJson } from '../model/written-number.ts';
import type { Entries, Unit } from './unit.ts';

/**
 * What of a wanted form goes through although the unit is set aside: instances that went are gone, addresses and
 * drains are those of now, and a newcomer stands as its siblings stood, at its own address. All else stays as
 * it was when it was good. Routes and free keys can only go.
 */
export function movedForm(unit: Unit, good: Entries, goal: Entries): Entries {
  if (unit.kind !== 'instances') {
    return goal.size === 0 ? goal : good;
  }
  const sibling = [...good.values()]
    .sort((a, b) => compare(a.key, b.key))
    .find((entry) => instanceOf(entry) !== undefined);
  const form = new Map<string, Entry>();
  for (const entry of goal.values()) {
    const now = instanceOf(entry);
    const before = good.get(entry.key);
    const then = before && instanceOf(before);
    if (!now) {
      form.set(entry.key, entry);
    } else if (before && then) {
      const stays = then.address === now.address && then.drain === now.drain;
      form.set(entry.key, { ...entry, value: stays ? before.value : atAddress(before.value, now) });
    } else if (sibling) {
      form.set(entry.key, { ...entry, value: atAddress(sibling.value, now) });
    }
  }
  return form;
}

/**
 * The last good form, whole: only where even its moves are refused. An instance that is not registered like
 * this any more gives its address up to every key that claims it now: it counts as the oldest of all.
 */
export function heldForm(unit: Unit, good: Entries, goal: Entries): Entries {
  if (unit.kind !== 'instances') {
    return good;
  }
  const form = new Map<string, Entry>();
  for (const entry of good.values()) {
    const live = goal.get(entry.key);
    const claimed = live && instanceOf(live)?.address === instanceOf(entry)?.address;
    form.set(entry.key, claimed ? { ...live, value: entry.value } : { ...entry, source: 0, modified: 0n });
  }
  return form;
}

function instanceOf({ key, value }: Entry): Instance | undefined {
  if (value === '' || key.endsWith('/')) {
    return undefined;
  }
  const parsed = parseInstance(key, '', value);
  return parsed.kind === 'good' ? parsed.value : undefined;
}

/** A value with the address and the drain of an instance. */
function atAddress(value: string, { address, host, port, drain }: Instance): string {
  const plain = !/^\s*[{"]/.test(value);
  if (plain && !drain) {
    return address;
  }
  const { drain: _, ...fields } = plain ? {} : (parseJson(value) as Record<string, unknown>);
  return JSON.stringify({ ...fields, host, port, ...(drain ? { drain } : {}) });
}
