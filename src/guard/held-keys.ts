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

/** What is held, by key and by group; the oldest hold first. */
export class HeldKeys implements Iterable<Held> {
  readonly #byKey = new Map<string, Held>();
  readonly #byGroup = new Map<string, Set<string>>();

  get size(): number {
    return this.#byKey.size;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  set(held: Held): void {
    const { entry, kind } = held;
    this.#byKey.set(entry.key, held);
    const group = this.#byGroup.get(kind.group) ?? new Set();
    this.#byGroup.set(kind.group, group.add(entry.key));
  }

  delete(key: string): Held | undefined {
    const held = this.#byKey.get(key);
    const group = held && this.#byGroup.get(held.kind.group);
    this.#byKey.delete(key);
    group?.delete(key);
    if (held && group?.size === 0) {
      this.#byGroup.delete(held.kind.group);
    }
    return held;
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
