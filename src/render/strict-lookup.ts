import { didYouMean } from '../model/nearest-names.ts';
import { type Site, templateError } from './site.ts';
import { checkLength } from './sizes.ts';
import { describe, isPlainObject, unwrap } from './values.ts';

/** Members of JavaScript that would differ from machine to machine, or lead out of a template's data. */
const CLOSED = new Set(['constructor', 'prototype', '__proto__', 'localeCompare']);
const NOTHING: unique symbol = Symbol('nothing');

/** What lookups need to know of an object: whether its fields are all known, so that a missing one is a typo. */
export type IsClosed = (value: object) => boolean;

/** `a.b` and `a[b]` where a missing field is an error that names it. */
export function member(target: unknown, key: unknown, site: Site): unknown {
  const value = find(target, key);
  if (value === NOTHING || value === undefined) {
    throw missing(target, key, site);
  }
  return value;
}

/**
 * `a.b` where a missing field is asked for (`is defined`) or made up for (`default`): gives undefined. Where
 * the fields of an object are all known, `default` would only hide a typo: then it is an error all the same.
 */
export function memberOrNothing(target: unknown, key: unknown, site: Site, isClosed: IsClosed): unknown {
  const value = find(target, key);
  if (value !== NOTHING) {
    return value;
  }
  if (typeof target === 'object' && target !== null && isClosed(target)) {
    throw missing(target, key, site);
  }
  return undefined;
}

function find(target: unknown, key: unknown): unknown {
  if (target === undefined || target === null) {
    return NOTHING;
  }
  if (isPlainObject(target)) {
    const name = String(unwrap(key));
    return Object.hasOwn(target, name) ? target[name] : NOTHING;
  }
  return findInPrototype(target as object, key);
}

/** Lists, texts and numbers have their own items and JavaScript's methods. */
function findInPrototype(target: object, key: unknown): unknown {
  const name = String(unwrap(key));
  if (typeof target === 'function' || CLOSED.has(name) || name.startsWith('toLocale')) {
    return NOTHING;
  }
  const value = (target as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'function') {
    return (...args: unknown[]) => {
      checkGrowth(target, name, args);
      return value.apply(target, args);
    };
  }
  return value === undefined ? NOTHING : value;
}

/** JavaScript's own methods that give as much as they are told to. */
function checkGrowth(target: object, method: string, args: readonly unknown[]): void {
  if (method === 'repeat') {
    checkLength(String(target).length * Number(args[0] ?? 0));
  } else if (method === 'padStart' || method === 'padEnd') {
    checkLength(Number(args[0] ?? 0));
  }
}

function missing(target: unknown, key: unknown, site: Site): Error {
  if (target === undefined || target === null) {
    return templateError(site, `cannot read "${String(key)}" of ${describe(target)}`, {
      hint: 'test first what stands before it: {% if … %}',
    });
  }
  const names = isPlainObject(target) ? Object.keys(target) : [];
  const near = didYouMean(String(key), names);
  const has = isPlainObject(target) ? (names.length === 0 ? 'is empty' : `has ${shortList(names)}`) : '';
  const what = has === '' ? describe(target) : `the object ${has}`;
  return templateError(site, `there is no "${String(key)}" here: ${what}`, {
    hint:
      near ?? `where it may be missing, write \`${site.text} is defined\` or \`${site.text} | default(…)\``,
  });
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => JSON.stringify(name));
  return names.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}
