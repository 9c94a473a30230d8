import { sameEntry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { Tree } from '../model/tree.ts';
import type { BelievedChange } from '../model/tree-changes.ts';

/** Entries by key. */
export type Entries = ReadonlyMap<string, ReadEntry>;

/** What is set aside as one: the instances of a service, its route, a free key, or a single value of any of them. */
export interface Unit {
  /** For people, and unique: `instances of web`, `route of web`, `key /haproxy/maxconn`. */
  readonly id: string;
  readonly kind: 'instances' | 'route' | 'key' | 'value';
  /** The service, or the key. */
  readonly name: string;
}

/** How a unit differs from the last good state. */
export interface UnitChange {
  readonly unit: Unit;
  /** Its last good entries; empty where it has none. */
  readonly good: Entries;
  readonly goal: Entries;
}

/** The unit that an entry belongs to. Keys that are wrong by name are seen by `ls` and `gets` like free ones. */
export function unitOf({ key, meaning: { role } }: ReadEntry): Unit {
  switch (role.kind) {
    case 'instance':
      return { id: `instances of ${role.service}`, kind: 'instances', name: role.service };
    case 'route':
      return { id: `route of ${role.service}`, kind: 'route', name: role.service };
    case 'udp':
    case 'free':
    case 'wrong':
      return { id: `key ${key}`, kind: 'key', name: key };
  }
}

/** The value of an entry, as a unit by itself. */
export function valueUnit({ key }: ReadEntry): Unit {
  return { id: `key ${key}`, kind: 'value', name: key };
}

/** The entries of a unit in a tree. */
export function entriesOfUnit(tree: Tree<ReadEntry>, unit: Unit, prefixes: Prefixes): Entries {
  const roots =
    unit.kind === 'key'
      ? [unit.name]
      : (unit.kind === 'route' ? prefixes.routes : prefixes.services).map(
          (prefix) => `${prefix === '/' ? '' : prefix}/${unit.name}`,
        );
  const own = new Map<string, ReadEntry>();
  for (const root of roots) {
    for (const entry of tree.under(root)) {
      if (unitOf(entry).id === unit.id) {
        own.set(entry.key, entry);
      }
    }
  }
  return own;
}

/** Whether two forms say the same, whatever their revisions. */
export function sameValues(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([key, { value }]) => b.get(key)?.value === value);
}

/** Whether two forms are the same in every part. */
export function sameEntries(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([key, entry]) => sameEntry(b.get(key), entry));
}

/** The changes from one form to another. */
export function changesBetween(before: Entries, after: Entries): BelievedChange[] {
  const gone = [...before.values()].filter(({ key }) => !after.has(key));
  const put = [...after.values()].filter((entry) => !sameEntry(before.get(entry.key), entry));
  return [
    ...gone.map((entry) => ({ kind: 'delete', key: entry.key, before: entry }) as const),
    ...put.map((entry) => ({ kind: 'put', entry }) as const),
  ];
}
