import type { Entry } from '../model/entry.ts';
import { classifyKey, type Prefixes } from '../model/keys.ts';

/** Entries by key. */
export type Entries = ReadonlyMap<string, Entry>;

/** What is set aside as one: the instances of a service, its route, or a free key. */
export interface Unit {
  /** For people, and unique: `instances of web`, `route of web`, `key /haproxy/maxconn`. */
  readonly id: string;
  readonly kind: 'instances' | 'route' | 'key';
  /** The service, or the free key. */
  readonly name: string;
}

/** How a unit differs from the last good state. */
export interface UnitChange {
  readonly unit: Unit;
  /** Its last good entries; empty where it has none. */
  readonly good: Entries;
  readonly goal: Entries;
}

/** The unit that a key belongs to. Keys that are wrong by name are seen by `ls` and `gets` like free ones. */
export function unitOf(key: string, prefixes: Prefixes): Unit {
  const role = classifyKey(key, prefixes);
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

/** Whether two forms say the same, whatever their revisions. */
export function sameValues(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([key, { value }]) => b.get(key)?.value === value);
}
