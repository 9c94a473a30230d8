import { shorten } from '../model/shorten.ts';
import { isExact, WrittenNumber } from '../model/written-number.ts';
import { Fault } from './site.ts';
import { describe, isPlainObject, textOf, unwrap } from './values.ts';

const DECIMAL = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

const ARITHMETIC = {
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '//': (a: number, b: number) => Math.floor(a / b),
  '%': (a: number, b: number) => a % b,
  '**': (a: number, b: number) => a ** b,
};

const ORDER = {
  '<': <T extends number | string>(a: T, b: T) => a < b,
  '>': <T extends number | string>(a: T, b: T) => a > b,
  '<=': <T extends number | string>(a: T, b: T) => a <= b,
  '>=': <T extends number | string>(a: T, b: T) => a >= b,
};

/** `~`: both sides must have a text. */
export function concat(left: unknown, right: unknown): string {
  return textOf(left) + textOf(right);
}

/** `+`: two numbers are added, anything else that has a text is joined, as in nunjucks. */
export function add(left: unknown, right: unknown): unknown {
  const [a, b] = [unwrap(left), unwrap(right)];
  if (
    (left instanceof WrittenNumber && typeof b === 'number') ||
    (right instanceof WrittenNumber && typeof a === 'number')
  ) {
    return checkNumber(numberOf(a) + numberOf(b), left, right);
  }
  return typeof a === 'number' && typeof b === 'number' ? checkNumber(a + b, left, right) : concat(a, b);
}

/** `- * / // % **`: numbers, or texts that hold a number; never NaN or infinity. */
export function arithmetic(operator: keyof typeof ARITHMETIC, left: unknown, right: unknown): number {
  return checkNumber(ARITHMETIC[operator](numberOf(left), numberOf(right)), left, right);
}

/** `-x` and `+x`. */
export function sign(operator: '-' | '+', value: unknown): number {
  const number = numberOf(value);
  return operator === '-' ? -number : number;
}

/** `== != === !==`, where text from a macro equals the same text. */
export function equal(operator: string, left: unknown, right: unknown): boolean {
  const [a, b] = [unwrap(left), unwrap(right)];
  // biome-ignore lint/suspicious/noDoubleEquals: nunjucks' own meaning of == and !=
  const same = operator.length === 3 ? a === b : a == b;
  return operator.startsWith('!') ? !same : same;
}

/** `< > <= >=` of two numbers or two texts. */
export function order(operator: keyof typeof ORDER, left: unknown, right: unknown): boolean {
  const [a, b] = [unwrap(left), unwrap(right)];
  if (typeof a === 'string' && typeof b === 'string') {
    return ORDER[operator](a, b);
  }
  return ORDER[operator](numberOf(a), numberOf(b));
}

/** `in`: an item of a list, a part of a text, a field of an object. */
export function within(left: unknown, right: unknown): boolean {
  const [item, whole] = [unwrap(left), unwrap(right)];
  if (Array.isArray(whole)) {
    return whole.map(unwrap).includes(item);
  }
  if (typeof whole === 'string') {
    return whole.includes(textOf(item));
  }
  if (isPlainObject(whole)) {
    return Object.hasOwn(whole, textOf(item));
  }
  throw new Fault(`"in" looks into a list, a text or an object, not into ${describe(whole)}`);
}

function numberOf(value: unknown): number {
  const plain = unwrap(value);
  const number = typeof plain === 'string' && plain.trim() !== '' ? Number(plain) : plain;
  if (typeof number !== 'number' || Number.isNaN(number)) {
    throw new Fault(`${describe(value)} is no number`);
  }
  if (typeof plain === 'string' && DECIMAL.test(plain) && !isExact(plain)) {
    throw new Fault(`the number ${shorten(plain.trim(), 60)} has more digits than can be calculated with`);
  }
  return number;
}

function checkNumber(result: number, left: unknown, right: unknown): number {
  if (!Number.isFinite(result)) {
    throw new Fault(`there is no result for ${describe(left)} and ${describe(right)}`);
  }
  return result;
}
