import { WrittenNumber } from '../model/written-number.ts';
import { internals } from './nunjucks.ts';
import { Fault } from './site.ts';

/**
 * What macros give is text in an object, and so is a number that JavaScript would write otherwise. Operators and
 * functions of ours take its text, or the number that it is.
 */
export function unwrap(value: unknown): unknown {
  if (value instanceof WrittenNumber) {
    return value.isExact ? value.valueOf() : value.toString();
  }
  return value instanceof internals.runtime.SafeString ? value.toString() : value;
}

/** Says what a value is, for error messages. */
export function describe(value: unknown): string {
  if (value instanceof WrittenNumber) {
    return `the number ${value.toString()}`;
  }
  const plain = unwrap(value);
  switch (typeof plain) {
    case 'string':
      return `the text ${JSON.stringify(plain.length > 40 ? `${plain.slice(0, 40)}…` : plain)}`;
    case 'number':
      return Number.isNaN(plain) ? 'not a number (NaN)' : `the number ${plain}`;
    case 'function':
      return 'a function';
    case 'object':
      return plain === null ? 'null' : Array.isArray(plain) ? `a list of ${plain.length}` : 'an object';
    default:
      return String(plain);
  }
}

/** The text that a value has in the output. Throws a `Fault` for what has none: null, NaN, lists, objects. */
export function textOf(value: unknown): string {
  if (value instanceof WrittenNumber) {
    return value.toString();
  }
  const plain = unwrap(value);
  if (typeof plain === 'string') {
    return plain;
  }
  if (typeof plain === 'boolean' || (typeof plain === 'number' && Number.isFinite(plain))) {
    return String(plain);
  }
  throw new Fault(`${describe(value)} has no text`, hintFor(plain));
}

function hintFor(value: unknown): string {
  if (value === null) {
    return 'test it first ({% if … %}), or give a value for it: … | default("…")';
  }
  if (typeof value === 'function') {
    return 'call it: add ( )';
  }
  if (Array.isArray(value)) {
    return 'join its items: … | join(" ")';
  }
  return typeof value === 'object'
    ? 'name one of its fields, or write it as JSON: … | dump'
    : 'check the sum it comes from';
}

/** True for the objects of JSON: those whose own fields are all they have. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
