import type { GuardRule } from '../events-guard.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { Hold } from '../ports/stores.ts';
import type { Counted } from './counted.ts';

/** A hold, with what its key is to the guard. */
export interface Held extends Hold {
  readonly entry: ReadEntry;
  readonly kind: Counted;
}

/** Whether time alone does not end it. */
export function lasts(rule: GuardRule): boolean {
  return rule === 'store' || rule === 'everything';
}

/** What is held, by key, by group and by address; the oldest hold first. */
export class HeldKeys implements Iterable<Held> {
  readonly #byKey = new Map<string, Held>();
  readonly #byGroup = new Map<string, Set<string>>();
  readonly #byAddress = new Map<string, Set<string>>();

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Held | undefined {
    return this.#byKey.get(key);
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  set(held: Held): void {
    const { entry, kind } = held;
    this.#byKey.set(entry.key, held);
    add(this.#byGroup, kind.group, entry.key);
    if (kind.address !== null) {
      add(this.#byAddress, kind.address, entry.key);
    }
  }

  delete(key: string): Held | undefined {
    const held = this.#byKey.get(key);
    if (!held) {
      return undefined;
    }
    this.#byKey.delete(key);
    remove(this.#byGroup, held.kind.group, key);
    if (held.kind.address !== null) {
      remove(this.#byAddress, held.kind.address, key);
    }
    return held;
  }

  /** Those that claim an address. */
  at(address: string | null): readonly string[] {
    return address === null ? [] : [...(this.#byAddress.get(address) ?? [])];
  }

  /** The one whose place a newcomer takes: one of the same host, else the one held longest. */
  replacedBy(newcomer: Counted): string | undefined {
    const group = this.#byGroup.get(newcomer.group);
    if (!group || newcomer.service === null) {
      return undefined;
    }
    for (const key of group) {
      if (this.#byKey.get(key)?.kind.host === newcomer.host) {
        return key;
      }
    }
    return group.values().next().value;
  }

  [Symbol.iterator](): Iterator<Held> {
    return this.#byKey.values();
  }
}

function add(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  if (keys) {
    keys.add(key);
  } else {
    index.set(name, new Set([key]));
  }
}

function remove(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  keys?.delete(key);
  if (keys?.size === 0) {
    index.delete(name);
  }
}
