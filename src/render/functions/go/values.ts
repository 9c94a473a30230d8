import { WrittenNumber } from '../../../model/written-number.ts';
import { Fault } from '../../site.ts';
import { describe, isPlainObject, unwrap } from '../../values.ts';
import { isPair } from '../store.ts';

/**
 * What a value is to a template of Go's. Numbers of JSON are float64 there and print as such: here they are `WrittenNumber`s.
 * null and what is missing are both nil.
 */
export type GoValue =
  | { readonly kind: 'nil' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'list'; readonly value: readonly unknown[] }
  | { readonly kind: 'map'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'pair'; readonly key: string; readonly value: string };

/** From here on `%v` and `%g` write an exponent (strconv: the precision of the shortest form counts as 6). */
const SHORTEST_POWER = 6;

/** Says what a value is to Go. Throws a `Fault` for what it does not have. */
export function goValue(value: unknown): GoValue {
  if (value === undefined || value === null) {
    return { kind: 'nil' };
  }
  if (value instanceof WrittenNumber) {
    return { kind: 'float', value: Number(value) };
  }
  const plain = unwrap(value);
  switch (typeof plain) {
    case 'boolean':
      return { kind: 'bool', value: plain };
    case 'string':
      return { kind: 'string', value: plain };
    case 'number':
      return { kind: Number.isInteger(plain) ? 'int' : 'float', value: plain };
    default:
      return compound(plain);
  }
}

function compound(value: unknown): GoValue {
  if (Array.isArray(value)) {
    return { kind: 'list', value };
  }
  if (isPair(value)) {
    return { kind: 'pair', key: value.key, value: value.value };
  }
  if (isPlainObject(value)) {
    return { kind: 'map', value };
  }
  throw new Fault(`Go's templates know no ${describe(value)}`);
}

/** The name of a value's type, as Go's error texts have it. */
export function typeName(value: GoValue): string {
  switch (value.kind) {
    case 'nil':
      return '<nil>';
    case 'float':
      return 'float64';
    case 'list':
      return value.value.every((item) => typeof item === 'string') && value.value.length > 0
        ? '[]string'
        : '[]interface {}';
    case 'map':
      return 'map[string]interface {}';
    case 'pair':
      return 'memkv.KVPair';
    default:
      return value.kind;
  }
}

/** A number of JSON, as Go has it. */
export function goFloat(value: number): WrittenNumber {
  return new WrittenNumber(formatFloat(value));
}

/** Go's `%v` of a float64: the fewest digits that are this number, with an exponent below 1e-04 and from 1e+06 on. */
export function formatFloat(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  return power < -4 || power >= SHORTEST_POWER ? withExponent(digits, power) : plainDigits(value);
}

/** `1.5` and 7 as `1.5e+07`. */
export function withExponent(digits: string, power: number): string {
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function plainDigits(value: number): string {
  const text = String(value);
  // JavaScript itself writes an exponent below 1e-6 only.
  return Object.is(value, -0) ? '-0' : text;
}

/** Go's truth: false, 0, "", nil, and empty lists and maps are false. */
export function isTrue(value: unknown): boolean {
  const of = goValue(value);
  switch (of.kind) {
    case 'nil':
      return false;
    case 'bool':
      return of.value;
    case 'int':
    case 'float':
      return of.value !== 0;
    case 'string':
    case 'list':
      return of.value.length > 0;
    case 'map':
      return Object.keys(of.value).length > 0;
    case 'pair':
      return true;
  }
}

/** Go orders texts by their bytes. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
