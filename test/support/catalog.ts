import { Catalog, type CatalogOptions } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';

export const OPTIONS: CatalogOptions = {
  grammar: { prefixes: { services: ['/services'], routes: ['/routes'], keys: ['/haproxy'] } },
  duplicateAddresses: 'newest',
  defaultRoutes: { kind: 'domain', domain: null },
};

/** An entry of the first source; both revisions are `revision`. */
export function entry(key: string, value: string | object, revision = 0): Entry {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { key, value: text, source: 0, created: BigInt(revision), modified: BigInt(revision) };
}

/** A catalog of a plain tree. The keys get revisions in their order, from 1. */
export function catalogOf(
  tree: Record<string, string | object>,
  options: Partial<CatalogOptions> = {},
): Catalog {
  const catalog = new Catalog({ ...OPTIONS, ...options });
  catalog.replace(Object.entries(tree).map(([key, value], at) => entry(key, value, at + 1)));
  return catalog;
}
