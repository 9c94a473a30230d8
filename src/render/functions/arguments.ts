import { Fault } from '../site.ts';
import { describe, isPlainObject, textOf, unwrap } from '../values.ts';

/** The argument as text, as Go's typed functions ask for it. Throws a `Fault` for anything else. */
export function text(value: unknown, name: string): string {
  const plain = unwrap(value);
  if (typeof plain !== 'string') {
    throw new Fault(`${name} must be text, not ${describe(value)}`);
  }
  return plain;
}

/** The argument as a whole number. */
export function integer(value: unknown, name: string): number {
  const plain = unwrap(value);
  if (typeof plain !== 'number' || !Number.isSafeInteger(plain)) {
    throw new Fault(
      `${name} must be a whole number, not ${describe(value)}`,
      typeof plain === 'string' ? 'make it one: atoi(…)' : undefined,
    );
  }
  return plain;
}

/** The argument as a list. */
export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new Fault(`${name} must be a list, not ${describe(value)}`);
  }
  return value;
}

/** The argument as a list of texts; numbers and booleans are written out. */
export function texts(value: unknown, name: string): string[] {
  return list(value, name).map(textOf);
}

/** The argument as an object. */
export function object(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) {
    throw new Fault(`${name} must be an object, not ${describe(value)}`);
  }
  return value;
}
