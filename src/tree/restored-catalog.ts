import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Entry } from '../model/entry.ts';

/** Keys with what they were before a change; undefined where they were not there. */
export type Before = readonly { readonly key: string; readonly entry: Entry | undefined }[];

/** A catalog as it was before a change over which it threw: that may have been taken in by half. */
export function restoredCatalog(options: CatalogOptions, tree: Iterable<Entry>, before: Before): Catalog {
  const entries = new Map([...tree].map((entry) => [entry.key, entry]));
  for (const { key, entry } of before) {
    if (entry) {
      entries.set(key, entry);
    } else {
      entries.delete(key);
    }
  }
  const catalog = new Catalog(options);
  catalog.replace(entries.values());
  return catalog;
}
