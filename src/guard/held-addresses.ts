import type { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange } from '../model/tree-changes.ts';

/**
 * Finds the held instances whose address a live key claims: nothing held keeps the address of something that lives. What
 * lives is only looked through while something is held.
 */
export class HeldAddresses {
  readonly #live: Iterable<ReadEntry>;
  #held = new Claims();
  #claimed: Claims | undefined;

  /** `live`: what the sources say, with every change that is given here. */
  constructor(live: Iterable<ReadEntry>) {
    this.#live = live;
  }

  /** Begins anew, with these held. */
  begin(held: Iterable<ReadEntry>): void {
    this.#held = claimsOf(held);
    this.#claimed = undefined;
  }

  /** Takes changes of what is believed; gives the held keys that lose their address by them. */
  apply(changes: readonly BelievedChange[]): readonly string[] {
    const addresses = new Set<string>();
    for (const change of changes) {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      this.#held.delete(key);
      this.#claimed?.delete(key);
      if (change.kind === 'delete') {
        continue;
      }
      const claims = change.held ? this.#held : this.#claimed;
      claims?.set(change.entry);
      const address = addressOf(change.entry);
      if (address !== null) {
        addresses.add(address);
      }
    }
    if (this.#held.size === 0) {
      this.#claimed = undefined;
      return [];
    }
    this.#claimed ??= claimsOf(this.#live);
    const { at } = this.#claimed;
    return [...addresses].flatMap((address) =>
      at.has(address) ? [...(this.#held.at.get(address) ?? [])] : [],
    );
  }
}

/** Which keys claim which address. */
class Claims {
  readonly at = new Map<string, Set<string>>();
  readonly #addresses = new Map<string, string>();

  /** How many keys claim one. */
  get size(): number {
    return this.#addresses.size;
  }

  set(entry: ReadEntry): void {
    const address = addressOf(entry);
    if (address === null) {
      return;
    }
    this.#addresses.set(entry.key, address);
    const keys = this.at.get(address) ?? new Set();
    this.at.set(address, keys.add(entry.key));
  }

  delete(key: string): void {
    const address = this.#addresses.get(key);
    if (address === undefined) {
      return;
    }
    this.#addresses.delete(key);
    const keys = this.at.get(address);
    keys?.delete(key);
    if (keys?.size === 0) {
      this.at.delete(address);
    }
  }
}

function claimsOf(entries: Iterable<ReadEntry>): Claims {
  const claims = new Claims();
  for (const entry of entries) {
    claims.set(entry);
  }
  return claims;
}

function addressOf({ meaning }: ReadEntry): string | null {
  return meaning.kind === 'instance' ? meaning.instance.address : null;
}
