import { shorten } from './shorten.ts';
import { parseJson, WrittenNumber } from './written-number.ts';

/** Thrown inside the parsers of values; they turn it into a rejection. Never leaves `model`. */
export class BadValue extends Error {}

/** A value that was read. */
export interface Read<T> {
  readonly value: T;
  /** Fields that went to `meta` because nobody knows them. */
  readonly unknown: readonly string[];
}

/** A field that is left out because it does not fit; the value goes on without it. */
export interface DroppedField {
  readonly field: string;
  /** What was found and what would fit. */
  readonly reason: string;
}

/** What a parser gives, or one sentence that says what was found and what would fit. */
export type Parsed<G> = ({ readonly kind: 'good' } & G) | { readonly kind: 'bad'; readonly reason: string };

/** Runs a parser that throws `BadValue`. */
export function parsed<G extends object>(parse: () => G): Parsed<G> {
  try {
    return { kind: 'good', ...parse() };
  } catch (error) {
    if (error instanceof BadValue) {
      return { kind: 'bad', reason: error.message };
    }
    throw error;
  }
}

/** Deeper JSON is refused: everything that walks over it would have to fear for its stack. */
const DEPTH = 64;

/** The JSON object in `text`. */
export function jsonObject(text: string): ReadonlyMap<string, unknown> {
  if (nestsDeeper(text, DEPTH)) {
    throw new BadValue(`the JSON nests deeper than ${DEPTH} levels`);
  }
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new BadValue(
      `the JSON does not parse: ${shorten(error instanceof Error ? error.message : String(error))}`,
    );
  }
  if (!isRecord(value)) {
    throw new BadValue(`expected a JSON object, found ${kindOf(value)}`);
  }
  return new Map(Object.entries(value));
}

/** An integer from `min` to `max`, as a number or as digits in a string. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  const isWritten = typeof value === 'string' ? /^\d{1,10}$/.test(value) : value instanceof WrittenNumber;
  const number = isWritten ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) {
    return number;
  }
  throw new BadValue(`${name} must be a whole number from ${min} to ${max}, found ${found(value)}`);
}

/** `true` or `false`, also written as a string. */
export function bool(name: string, value: unknown): boolean {
  if (value === true || value === 'true') {
    return true;
  }
  if (value === false || value === 'false') {
    return false;
  }
  throw new BadValue(`${name} must be true or false, found ${found(value)}`);
}

/** A string that fits `pattern`; `fits` describes it. */
export function matching(name: string, value: unknown, pattern: RegExp, fits: string): string {
  if (typeof value === 'string' && pattern.test(value)) {
    return value;
  }
  throw new BadValue(`${name} must be ${fits}, found ${found(value)}`);
}

/** One of a closed list. */
export function oneOf<T extends string>(name: string, value: unknown, list: readonly T[]): T {
  const hit = list.find((item) => item === value);
  if (hit === undefined) {
    throw new BadValue(`${name} must be one of ${list.join(', ')}; found ${found(value)}`);
  }
  return hit;
}

/** A list, or a single string taken as a list of one. */
export function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) {
    return value;
  }
  if (typeof value === 'string') {
    return [value];
  }
  throw new BadValue(`${name} must be a list, found ${found(value)}`);
}

/** A JSON object as a map. */
export function object(name: string, value: unknown): ReadonlyMap<string, unknown> {
  if (isRecord(value)) {
    return new Map(Object.entries(value));
  }
  throw new BadValue(`${name} must be an object, found ${found(value)}`);
}

/** The names of fields that are not `known`, as the value writes them. */
export function unknownFields(
  fields: ReadonlyMap<string, unknown>,
  known: ReadonlySet<string>,
): readonly string[] {
  const unknown = [...fields.keys()].filter((name) => !known.has(name));
  return unknown.length === 0 ? NONE : unknown;
}

const NONE: readonly string[] = Object.freeze([]);

/** The fields that are not `known`, joined with those inside `meta` (which win). */
export function metaOf(
  fields: ReadonlyMap<string, unknown>,
  known: ReadonlySet<string>,
): Record<string, unknown> {
  const inner = fields.get('meta');
  const written = inner === undefined || inner === null ? [] : [...object('meta', inner)];
  return Object.fromEntries([...fields].filter(([name]) => !known.has(name)).concat(written));
}

/** Brackets outside strings, without recursion. */
function nestsDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') {
        at++;
      } else if (char === '"') {
        inString = false;
      }
    } else if (char === '"') {
      inString = true;
    } else if (char === '{' || char === '[') {
      if (++depth > limit) {
        return true;
      }
    } else if (char === '}' || char === ']') {
      depth--;
    }
  }
  return false;
}

function found(value: unknown): string {
  if (value instanceof WrittenNumber) {
    return shorten(String(value), 40);
  }
  return typeof value === 'object' ? kindOf(value) : shorten(JSON.stringify(value) ?? String(value), 40);
}

function kindOf(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  if (value instanceof WrittenNumber) {
    return 'a number';
  }
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber)
  );
}
