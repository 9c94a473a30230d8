import { Fault } from '../../site.ts';
import { checkItems } from '../../sizes.ts';
import { describe } from '../../values.ts';
import { compareBytes, goValue } from './values.ts';

/** What `range` runs over: items of a list, values of a map by the order of its keys, the numbers below a number, nothing for nil. */
export function itemsOf(value: unknown): readonly unknown[] {
  return entriesOf(value).map(([, item]) => item);
}

/** The same with its index or key before it. */
export function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  const of = goValue(value);
  switch (of.kind) {
    case 'nil':
      return [];
    case 'list':
      return of.value.map((item, at) => [at, item ?? null]);
    case 'map':
      return Object.keys(of.value)
        .sort(compareBytes)
        .map((key) => [key, of.value[key] ?? null]);
    case 'int':
      checkItems(of.value);
      return Array.from({ length: Math.max(0, of.value) }, (_, at) => [at, at]);
    default:
      throw new Fault(`range runs over a list or a map, not over ${describe(value)}`);
  }
}

/** Go's `.Name` of whatever a value may be; nil where a map does not have it. */
export function fieldOf(value: unknown, name: unknown): unknown {
  const of = goValue(value);
  const field = String(name);
  if (of.kind === 'nil') {
    return null;
  }
  if (of.kind === 'map') {
    return Object.hasOwn(of.value, field) ? (of.value[field] ?? null) : null;
  }
  if (of.kind === 'pair' && (field === 'Key' || field === 'Value')) {
    return field === 'Key' ? of.key : of.value;
  }
  throw new Fault(`${describe(value)} has no field ${field}`);
}

/** Go's `index`: lists by number, texts by byte, maps by key; a key that is not there is nil. */
export function indexOf(value: unknown, indexes: readonly unknown[]): unknown {
  return indexes.reduce<unknown>(indexOnce, value);
}

function indexOnce(value: unknown, index: unknown): unknown {
  const of = goValue(value);
  const by = goValue(index);
  if (of.kind === 'map') {
    if (by.kind !== 'string') {
      throw new Fault(`a map has texts for keys, not ${describe(index)}`);
    }
    return fieldOf(value, by.value);
  }
  const bytes = of.kind === 'string' ? Buffer.from(of.value, 'utf8') : null;
  const items = of.kind === 'list' ? of.value : bytes;
  if (items === null) {
    throw new Fault(`index looks into a list, a map or a text, not into ${describe(value)}`);
  }
  return items[position(index, items.length - 1)] ?? null;
}

/** Go's `slice`: from, to; texts by byte. */
export function sliceOf(value: unknown, [from, to]: readonly unknown[]): unknown {
  const of = goValue(value);
  const items = of.kind === 'string' ? Buffer.from(of.value, 'utf8') : of.kind === 'list' ? of.value : null;
  if (items === null) {
    throw new Fault(`slice takes a list or a text, not ${describe(value)}`);
  }
  const start = from === undefined ? 0 : position(from, items.length);
  const end = to === undefined ? items.length : position(to, items.length);
  if (start > end) {
    throw new Fault(`slice from ${start} to ${end}: the end comes first`);
  }
  return Buffer.isBuffer(items) ? items.subarray(start, end).toString('utf8') : items.slice(start, end);
}

function position(index: unknown, most: number): number {
  const of = goValue(index);
  if (of.kind !== 'int') {
    throw new Fault(`an index is a whole number, not ${describe(index)}`);
  }
  if (of.value < 0 || of.value > most) {
    throw new Fault(`there is no index ${of.value}: ${most < 0 ? 'it is empty' : `0 to ${most} are there`}`);
  }
  return of.value;
}

/** Go's `len`: texts by byte. */
export function lengthOf(value: unknown): number {
  const of = goValue(value);
  switch (of.kind) {
    case 'string':
      return Buffer.byteLength(of.value, 'utf8');
    case 'list':
      return of.value.length;
    case 'map':
      return Object.keys(of.value).length;
    default:
      throw new Fault(`len takes a text, a list or a map, not ${describe(value)}`);
  }
}
