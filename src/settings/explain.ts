import type { z } from 'zod';
import { nearestNames } from '../model/nearest-names.ts';
import { ANY_NAME, type SettingKey } from './leaf.ts';

/** What the messages need besides the issues. */
export interface Context {
  readonly raw: unknown;
  /** Every key that there is. */
  readonly keys: readonly SettingKey[];
  /** `file:line` or the name of the variable or flag that a key came from. */
  whereIs(path: readonly PropertyKey[]): string;
}

/** One line per thing that does not fit: where, the key, what was found, what would fit. */
export function explain(issues: readonly z.core.$ZodIssue[], context: Context): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [`${context.whereIs(issue.path)}: ${describe(issue, context)}`];
    }
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `${context.whereIs(path)}: ${path.join('.')}: no such key${suggestion(path, context.keys)}`;
    });
  });
}

function describe(issue: z.core.$ZodIssue, context: Context): string {
  const name = issue.path.join('.');
  if (issue.code === 'custom' && issue.message !== 'Invalid input') {
    return `${name}: ${issue.message}`;
  }
  const value = valueAt(context.raw, issue.path);
  const found = value === undefined ? 'is missing' : `found ${show(value)}`;
  return `${name}: ${found}; would fit: ${fits(issue.path, context.keys)}`;
}

function fits(path: readonly PropertyKey[], keys: readonly SettingKey[]): string {
  for (let pattern = patternOf(path, keys); pattern.length > 0; pattern = pattern.slice(0, -1)) {
    const key = keys.find((one) => one.path === dotted(pattern));
    if (key) {
      return key.fits;
    }
  }
  const pattern = patternOf(path, keys);
  if (dotted(pattern) === 'sources') {
    return 'a list of at least one etcd, file or ec2';
  }
  const inside = childrenOf(pattern, keys);
  if (inside.length === 0) {
    return 'something else';
  }
  return inside[0] === ANY_NAME ? 'a map of names' : `a map of ${inside.join(', ')}`;
}

/** A near name beside it, or the same name elsewhere. */
function suggestion(path: readonly PropertyKey[], keys: readonly SettingKey[]): string {
  const key = String(path.at(-1));
  const siblings = childrenOf(patternOf(path.slice(0, -1), keys), keys);
  const [near = null] = nearestNames(key, siblings);
  const named = [...path.slice(0, -1), near].join('.');
  if (near !== null) {
    return `; did you mean ${named}?`;
  }
  const elsewhere = keys.find((one) => one.path.endsWith(`.${key}`));
  if (elsewhere) {
    return `; did you mean ${elsewhere.path.replace('[]', '[0]')}?`;
  }
  return `; there are: ${siblings.join(', ')}`;
}

/** The parts of the keys, in which `[]` is a member of a list and `<name>` any key of a map. */
function childrenOf(pattern: readonly string[], keys: readonly SettingKey[]): string[] {
  const below = keys
    .map((key) => partsOf(key.path))
    .filter((parts) => parts.length > pattern.length && pattern.every((part, at) => parts[at] === part));
  return [...new Set(below.map((parts) => parts[pattern.length] ?? ''))];
}

function patternOf(path: readonly PropertyKey[], keys: readonly SettingKey[]): string[] {
  const pattern: string[] = [];
  for (const key of path) {
    const there = childrenOf(pattern, keys);
    const part = typeof key === 'number' ? '[]' : String(key);
    pattern.push(!there.includes(part) && there.includes(ANY_NAME) ? ANY_NAME : part);
  }
  return pattern;
}

function partsOf(path: string): string[] {
  return path.replaceAll('[]', '.[]').split('.');
}

function dotted(pattern: readonly string[]): string {
  return pattern.join('.').replaceAll('.[]', '[]');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (here, key) => (typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined),
    raw,
  );
}

function show(value: unknown): string {
  if (value === null) {
    return 'nothing';
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty list' : 'a list';
  }
  if (typeof value === 'object') {
    return 'a map';
  }
  if (typeof value !== 'string') {
    return `the ${typeof value === 'number' ? 'number' : 'value'} ${String(value)}`;
  }
  const safe = value.replace(/\/\/.*@/g, '//***@');
  return `the text ${JSON.stringify(safe.length > 60 ? `${safe.slice(0, 60)}…` : safe)}`;
}
