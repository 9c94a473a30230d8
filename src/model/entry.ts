/**
 * One key of the watched tree, as every source gives it.
 *
 * `source` is the place of its source in the settings (0 is the first); `created` and `modified` are etcd's
 * `create_revision` and `mod_revision`, and 0n in files. Together they say which of two keys is older.
 */
export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly source: number;
  readonly created: bigint;
  readonly modified: bigint;
  /** Why it was kept out: a limit (`limits.ts`), or bytes that are no text. Then `value` is only its beginning, for people. */
  readonly refused?: string;
  /** What stands in its place while its value is refused. */
  readonly kept?: Kept;
}

/** The last good form of a key whose value is refused. */
export interface Kept<E extends Entry = Entry> {
  readonly form: E;
  /** Since when its value is refused, in milliseconds since 1970. */
  readonly since: number;
}

/** One step from a tree to the next. The changes of one etcd transaction are always applied together. */
export type Change<E extends Entry = Entry> =
  | { readonly kind: 'put'; readonly entry: E }
  | { readonly kind: 'delete'; readonly key: string };

/**
 * Says which of two keys was there first: the order of sources, then `create_revision`, then the name.
 * Negative when `a` is the older. Claims of hosts, paths and bind ports go to the older key.
 */
export function byAge(a: Entry, b: Entry): number {
  return a.source - b.source || compare(a.created, b.created) || compare(a.key, b.key);
}

/**
 * Says which of two keys was written first: the order of sources, then `mod_revision`, then the name.
 * Negative when `a` was written first. Claims of addresses go to the one written last.
 */
export function byWrite(a: Entry, b: Entry): number {
  return a.source - b.source || compare(a.modified, b.modified) || compare(a.key, b.key);
}

/** Whether an entry is still the same in every part. */
export function sameEntry(a: Entry | undefined, b: Entry): boolean {
  return (
    a !== undefined &&
    a.value === b.value &&
    a.refused === b.refused &&
    a.source === b.source &&
    a.created === b.created &&
    a.modified === b.modified
  );
}

/** Orders strings by code unit, alike on every machine (never by locale). */
export function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
