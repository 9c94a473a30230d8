import type { z } from 'zod';
import { nearestNames } from '../model/nearest-names.ts';
import { SETTING_KEYS } from './schema.ts';

/** What the messages need besides the issues. */
export interface Context {
  readonly raw: unknown;
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
      return `${context.whereIs(path)}: ${path.join('.')}: no such key${suggestion(path)}`;
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
  return `${name}: ${found}; would fit: ${fits(patternOf(issue.path))}`;
}

function fits(pattern: string): string {
  for (let path = pattern; path !== ''; path = path.replace(/(?:\[\]|(?:^|\.)[^.[\]]*)$/, '')) {
    const key = SETTING_KEYS.find((one) => one.path === path);
    if (key) {
      return key.fits;
    }
  }
  if (pattern === 'sources') {
    return 'a list of at least one etcd or file';
  }
  const inside = childrenOf(pattern);
  return inside.length > 0 ? `a map of ${inside.join(', ')}` : 'something else';
}

/** A near name beside it, or the same name elsewhere. */
function suggestion(path: readonly PropertyKey[]): string {
  const key = String(path.at(-1));
  const around = patternOf(path.slice(0, -1));
  const siblings = childrenOf(around);
  const [near = null] = nearestNames(key, siblings);
  const dotted = [...path.slice(0, -1), near].join('.');
  if (near !== null) {
    return `; did you mean ${dotted}?`;
  }
  const elsewhere = SETTING_KEYS.find((one) => one.path.endsWith(`.${key}`));
  if (elsewhere) {
    return `; did you mean ${elsewhere.path.replace('[]', '[0]')}?`;
  }
  return `; there are: ${siblings.join(', ')}`;
}

function childrenOf(pattern: string): string[] {
  const start = pattern === '' ? '' : `${pattern}.`;
  const below = SETTING_KEYS.filter((key) => key.path.startsWith(start));
  return [...new Set(below.map((key) => key.path.slice(start.length).split(/[.[]/)[0] ?? ''))];
}

function patternOf(path: readonly PropertyKey[]): string {
  return path
    .map(String)
    .join('.')
    .replace(/\.\d+(?=\.|$)/g, '[]');
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
