import { compare } from '../../model/entry.ts';
import { Fault } from '../site.ts';
import { checkItems } from '../sizes.ts';
import { unwrap } from '../values.ts';
import { integer, list, object, text } from './arguments.ts';

/** confd's functions on lists and maps. They give new lists and leave their arguments as they are. */
export const LIST_FUNCTIONS = {
  reverse: (items: unknown) => [...list(items, 'the list')].reverse(),
  /** By length in bytes; equal ones keep their order. */
  sortByLength(items: unknown): string[] {
    return byLength(
      list(items, 'the list').map((item) => text(item, 'each item')),
      (item) => item,
    );
  },
  /** Sorts what `gets` gives by the length of the keys. */
  sortKVByLength(items: unknown): unknown[] {
    const all = list(items, 'the list').map((item) => object(item, 'each item'));
    return byLength(all, (item) => text(item.key, 'key'));
  },
  /** From the first to the last, both included. */
  seq(first: unknown, last: unknown): number[] {
    const [from, to] = [integer(first, 'the first'), integer(last, 'the last')];
    checkItems(to - from + 1);
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

function byLength<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, bytes: Buffer.byteLength(nameOf(item)) }))
    .sort((a, b) => a.bytes - b.bytes)
    .map(({ item }) => item);
}
