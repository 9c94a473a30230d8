import type { Address } from './address.ts';
import type { Entry } from './entry.ts';
import type { Grammar } from './grammar.ts';
import { ReadEntry } from './read-entry.ts';
import { parseJson } from './written-number.ts';

/** Who refuses a value by itself. */
export const REFUSED_BY = ['grammar', 'limits'] as const;
/** One of `REFUSED_BY`. */
export type RefusedBy = (typeof REFUSED_BY)[number];

/** Why a value is refused by itself, whatever the other keys are; null where it is not. */
export function refusalOf({
  value,
  meaning,
}: ReadEntry): { readonly by: RefusedBy; readonly reason: string } | null {
  switch (meaning.kind) {
    case 'refused':
      return meaning.by === 'key'
        ? null
        : { by: meaning.by === 'limit' ? 'limits' : 'grammar', reason: meaning.reason };
    case 'nothing':
      return value === '' && (meaning.role.kind === 'instance' || meaning.role.kind === 'route')
        ? { by: 'grammar', reason: 'the value is empty' }
        : null;
    case 'instance':
    case 'route':
    case 'text':
    case 'threw':
      return null;
  }
}

/**
 * The entry, with what stands in its place where its value is refused: the last good form of the key. `before` is what
 * was there, or what the cache knew of it; `now` milliseconds since 1970.
 */
export function keeping(
  entry: ReadEntry,
  before: Entry | undefined,
  { grammar, now }: { readonly grammar: Grammar; readonly now: number },
): ReadEntry {
  if (!before || refusalOf(entry) === null) {
    return entry;
  }
  const { form, since } = before.kept ?? { form: before, since: Math.round(now) };
  const good = ReadEntry.of(form, grammar);
  return isGood(good) ? entry.keeping({ form: movedTo(good, entry, grammar), since }) : entry;
}

function isGood({ meaning: { kind } }: ReadEntry): boolean {
  return kind === 'instance' || kind === 'route' || kind === 'text';
}

/**
 * A good form at the address, and drained or not, that a refused value still gives. It was written when it was good: a key
 * that was written later takes its address; but a new address is claimed by the value that gives it.
 */
function movedTo(good: ReadEntry, { meaning, modified }: ReadEntry, grammar: Grammar): ReadEntry {
  if (meaning.kind !== 'refused' || good.meaning.kind !== 'instance') {
    return good;
  }
  const { instance } = good.meaning;
  const { address = instance, drain = instance.drain } = meaning.partial;
  const moves = address.address !== instance.address;
  if (!moves && drain === instance.drain) {
    return good;
  }
  const value = atAddress(good.value, { ...address, drain });
  return ReadEntry.of({ ...good, value, modified: moves ? modified : good.modified }, grammar, good);
}

/** A good value with another address and drain. */
export function atAddress(
  value: string,
  { address, host, port, drain }: Pick<Address, 'address' | 'host' | 'port'> & { readonly drain: boolean },
): string {
  const plain = !/^\s*[{"]/.test(value);
  if (plain && !drain) {
    return address;
  }
  const { drain: _, ...fields } = plain ? {} : (parseJson(value) as Record<string, unknown>);
  return JSON.stringify({ ...fields, host, port, ...(drain ? { drain } : {}) });
}
