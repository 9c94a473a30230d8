import { RE2JS, RE2JSException } from 're2js';
import { Fault } from './site.ts';

/** Patterns of templates are few; those made of values are not worth keeping. */
const MOST = 100;
const compiled = new Map<string, RE2JS>();

/**
 * A regular expression in Go's syntax (RE2), which takes no longer than its text is long: JavaScript's own try every
 * way to match, and a value can make that take for ever. Throws a `Fault` for a bad one.
 */
export function linearRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) {
    return known;
  }
  if (compiled.size >= MOST) {
    compiled.clear();
  }
  const made = compile(pattern);
  compiled.set(pattern, made);
  return made;
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) {
      throw error;
    }
    throw new Fault(
      `${JSON.stringify(pattern)} is no regular expression: ${error.message}`,
      "the syntax is Go's (RE2): it has no look-ahead, look-behind or back-references",
    );
  }
}
