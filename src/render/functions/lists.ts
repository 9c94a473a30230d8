import { compare } from '../../model/entry.ts';
import { Fault } from '../site.ts';
import { unwrap } from '../values.ts';
import { integer, list, object, text } from './arguments.ts';

/** confd's functions on lists and maps. They give new lists and leave their arguments as they are. */
export const LIST_FUNCTIONS = {
  reverse: (items: unknown) => [...list(items, 'the list')].reverse(),
  /** By length in bytes; equal ones keep their order. */
  sortByLength(items: unknown): string[] {
    const all = list(items, 'the list').map((item) => text(item, 'each item'));
    return all.sort((a, b) => bytes(a) - bytes(b));
  },
  /** Sorts what `gets` gives by the length of the keys. */
  sortKVByLength(items: unknown): unknown[] {
    const all = list(items, 'the list').map((item) => object(item, 'each item'));
    return all.sort((a, b) => bytes(text(a.key, 'key')) - bytes(text(b.key, 'key')));
  },
  /** From the first to the last, both included. */
  seq(first: unknown, last: unknown): number[] {
    const [from, to] = [integer(first, 'the first'), integer(last, 'the last')];
    if (to - from > 1_000_000) {
      throw new Fault(`${to - from + 1} numbers are too many`);
    }
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  },
  list: (...items: unknown[]) => items,
  append: (items: unknown, item: unknown) => [...list(items, 'the list'), item],
  map: (...pairs: unknown[]) => mapOf(pairs),
  dict: (...pairs: unknown[]) => mapOf(pairs),
  hasKey: (map: unknown, key: unknown) => Object.hasOwn(object(map, 'the map'), text(key, 'the key')),
  /** Sorted. */
  keys: (map: unknown) => Object.keys(object(map, 'the map')).sort(compare),
  /** Sorted by key. */
  values(map: unknown): unknown[] {
    const from = object(map, 'the map');
    return Object.keys(from)
      .sort(compare)
      .map((key) => from[key]);
  },
};

function mapOf(pairs: readonly unknown[]): Record<string, unknown> {
  if (pairs.length % 2 !== 0) {
    throw new Fault('a map takes pairs: map("a", 1, "b", 2)');
  }
  const entries: [string, unknown][] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    entries.push([text(unwrap(pairs[i]), 'each key'), pairs[i + 1]]);
  }
  return Object.fromEntries(entries);
}

function bytes(value: string): number {
  return Buffer.byteLength(value);
}
