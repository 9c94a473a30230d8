import { serverIds } from '../model/server-ids.ts';
import { type AnyFunction, type Environment, internals, SYNTAX } from './nunjucks.ts';
import { Fault } from './site.ts';
import type { IsClosed } from './strict-lookup.ts';
import { isPlainObject, textOf, unwrap } from './values.ts';

/** nunjucks' filters and tests, with those replaced that let something undefined through. */
export function createEnvironment(isClosed: IsClosed): Environment {
  const env = new internals.Environment([], SYNTAX);
  for (const [name, filter] of Object.entries(strictFilters(isClosed, env))) {
    env.addFilter(name, filter as AnyFunction);
  }
  return env;
}

function strictFilters(isClosed: IsClosed, env: Environment) {
  const orDefault = (value: unknown, fallback: unknown, falsy?: unknown) =>
    value === undefined || value === null || (falsy === true && !unwrap(value)) ? fallback : value;
  return {
    /** null counts as missing too: it is how the catalog says "not named". */
    default: orDefault,
    d: orDefault,
    join: (list: unknown, separator: unknown = '', path?: unknown) =>
      items(list, 'join')
        .map((item) => textOf(path === undefined ? item : pathOf(item, path, 'refuse')))
        .join(textOf(separator)),
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
    groupby(this: unknown, list: unknown, path: unknown) {
      for (const item of items(list, 'groupby')) {
        textOf(pathOf(item, path, 'refuse'));
      }
      return env.filters.groupby === undefined ? {} : GROUPBY.call(this, list, path);
    },
    /** The stable server ids of a service's instances, by instance id: for backends that balance by a hash. */
    serverIds: (instances: unknown) =>
      serverIds(items(instances, 'serverIds').map((item) => ({ id: textOf(pathOf(item, 'id', 'refuse')) }))),
  };
}

const GROUPBY = new internals.Environment([], SYNTAX).filters.groupby as AnyFunction;

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
  if (typeof value !== 'number') {
    throw new Fault('only numbers can be summed up');
  }
  return value;
}
