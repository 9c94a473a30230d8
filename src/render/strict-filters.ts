import { routeRules } from '../model/route-rules.ts';
import { serverIds } from '../model/server-ids.ts';
import type { Route } from '../model/service.ts';
import { boundedFilters } from './bounded-filters.ts';
import { type AnyFunction, type Environment, internals, SYNTAX } from './nunjucks.ts';
import { Fault } from './site.ts';
import { joined } from './sizes.ts';
import type { IsClosed } from './strict-lookup.ts';
import { isPlainObject, textOf, unwrap } from './values.ts';

/** nunjucks' filters and tests, with those replaced that let something undefined through. */
export function createEnvironment(isClosed: IsClosed): Environment {
  const env = new internals.Environment([], SYNTAX);
  for (const [name, filter] of Object.entries({ ...boundedFilters(env), ...strictFilters(isClosed) })) {
    env.addFilter(name, filter as AnyFunction);
  }
  return env;
}

function strictFilters(isClosed: IsClosed) {
  const orDefault = (value: unknown, fallback: unknown, falsy?: unknown) =>
    value === undefined || value === null || (falsy === true && !unwrap(value)) ? fallback : value;
  return {
    /** null counts as missing too: it is how the catalog says "not named". */
    default: orDefault,
    d: orDefault,
    join: (list: unknown, separator: unknown = '', path?: unknown) =>
      joined(
        items(list, 'join').map((item) => textOf(path === undefined ? item : pathOf(item, path, 'refuse'))),
        textOf(separator),
      ),
    string: (value: unknown) => textOf(value),
    sum: (list: unknown, path?: unknown, start: unknown = 0) =>
      items(list, 'sum').reduce<number>(
        (total, item) => total + numberOf(path === undefined ? item : pathOf(item, path, 'refuse')),
        numberOf(start),
      ),
    selectattr: (list: unknown, path: unknown) =>
      items(list, 'selectattr').filter((item) => Boolean(unwrap(pathOf(item, path, isClosed)))),
    rejectattr: (list: unknown, path: unknown) =>
      items(list, 'rejectattr').filter((item) => !unwrap(pathOf(item, path, isClosed))),
    /** Into an object without a prototype: `constructor` is a name like any other. */
    groupby(list: unknown, path: unknown) {
      const groups: Record<string, unknown[]> = Object.create(null);
      for (const item of items(list, 'groupby')) {
        const name = textOf(pathOf(item, path, 'refuse'));
        groups[name] ??= [];
        groups[name].push(item);
      }
      return groups;
    },
    /** The stable server ids of a service's instances, by instance id: for backends that balance by a hash. */
    serverIds: (instances: unknown) =>
      serverIds(items(instances, 'serverIds').map((item) => ({ id: textOf(pathOf(item, 'id', 'refuse')) }))),
    /** The routes that need a rule of their own, joined to few. */
    routeRules: (routes: unknown) => routeRules(items(routes, 'routeRules').map(routeOf)),
  };
}

/** A route of the catalog; templates may give a part of `routes`. */
function routeOf(item: unknown): Route {
  const orNull = (value: unknown) => (value === null ? null : textOf(value));
  return {
    service: textOf(pathOf(item, 'service', 'refuse')),
    host: orNull(pathOf(item, 'host', 'refuse')),
    path: orNull(pathOf(item, 'path', 'refuse')),
  };
}

function items(list: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(list)) {
    throw new Fault(`${name} takes a list`);
  }
  return list;
}

/** `a.b` of an item. Missing: an error, but where fields are free (`meta`), undefined for those who only test it. */
function pathOf(item: unknown, path: unknown, missing: 'refuse' | IsClosed): unknown {
  let value: unknown = item;
  for (const name of textOf(path).split('.')) {
    if (!isPlainObject(value) || !Object.hasOwn(value, name)) {
      if (missing === 'refuse' || !isPlainObject(value) || missing(value)) {
        throw new Fault(`an item has no "${textOf(path)}"`);
      }
      return undefined;
    }
    value = value[name];
  }
  return value;
}

function numberOf(value: unknown): number {
  const plain = unwrap(value);
  if (typeof plain !== 'number') {
    throw new Fault('only numbers can be summed up');
  }
  return plain;
}
