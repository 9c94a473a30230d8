import { Fault } from '../../site.ts';
import { describe } from '../../values.ts';
import { compareBytes, type GoValue, goValue } from './values.ts';

/** Go's `eq`: whether the first equals one of the others. Texts, whole numbers, floats and booleans do not mix; nil equals nil. */
export function goEqual(first: unknown, others: readonly unknown[]): boolean {
  if (others.length === 0) {
    throw new Fault('eq takes two values or more');
  }
  const a = goValue(first);
  return others.some((other) => same(a, goValue(other), first, other));
}

function same(a: GoValue, b: GoValue, first: unknown, other: unknown): boolean {
  if (a.kind === 'nil' || b.kind === 'nil') {
    return a.kind === b.kind;
  }
  if (a.kind !== b.kind || a.kind === 'list' || a.kind === 'map') {
    throw new Fault(`Go does not compare ${describe(first)} with ${describe(other)}`, hintFor(a, b));
  }
  return a.kind === 'pair' && b.kind === 'pair'
    ? a.key === b.key && a.value === b.value
    : (a as { value: unknown }).value === (b as { value: unknown }).value;
}

/** Go's `lt` and `le`: texts by their bytes, numbers of one type. */
export function goLess(first: unknown, second: unknown, orEqual: boolean): boolean {
  const order = orderOf(first, second);
  return order < 0 || (orEqual && order === 0);
}

function orderOf(first: unknown, second: unknown): number {
  const [a, b] = [goValue(first), goValue(second)];
  if (a.kind === 'string' && b.kind === 'string') {
    return compareBytes(a.value, b.value);
  }
  if ((a.kind === 'int' && b.kind === 'int') || (a.kind === 'float' && b.kind === 'float')) {
    return a.value - b.value;
  }
  throw new Fault(`Go does not compare ${describe(first)} with ${describe(second)}`, hintFor(a, b));
}

function hintFor(a: GoValue, b: GoValue): string | undefined {
  const kinds = [a.kind, b.kind];
  if (kinds.includes('string') && (kinds.includes('int') || kinds.includes('float'))) {
    return 'values of keys are texts: atoi(…)';
  }
  return kinds.includes('int') && kinds.includes('float')
    ? 'numbers of JSON are floats to Go: it refused this as well'
    : undefined;
}
