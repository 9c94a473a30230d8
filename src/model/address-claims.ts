import { byWrite } from './entry.ts';
import type { InstanceEntry } from './read-entry.ts';

/**
 * Settles who keeps an address: the newest registration, and beside it those that share it with it by
 * `meta.shared`. A host that came back gives its ports out anew while the old leases live on for minutes.
 */
export class AddressClaims {
  /** By address: the one that claims it, or several by key. */
  readonly #claims = new Map<string, InstanceEntry | Map<string, InstanceEntry>>();
  /** By address, looked up once after each change: thousands of keys may claim one address. */
  readonly #newest = new Map<string, InstanceEntry>();

  /** Every instance that now claims this address. */
  at(address: string): Iterable<InstanceEntry> {
    const found = this.#claims.get(address);
    return found instanceof Map ? found.values() : found ? [found] : [];
  }

  add(entry: InstanceEntry): void {
    const { address } = entry.meaning.instance;
    const found = this.#claims.get(address);
    if (found instanceof Map) {
      found.set(entry.key, entry);
    } else {
      const both = found && new Map([found, entry].map((one) => [one.key, one]));
      this.#claims.set(address, both ?? entry);
    }
    this.#newest.delete(address);
  }

  remove(entry: InstanceEntry): void {
    const { address } = entry.meaning.instance;
    const found = this.#claims.get(address);
    if (found instanceof Map && found.get(entry.key) === entry) {
      found.delete(entry.key);
    }
    if (found === entry || (found instanceof Map && found.size === 0)) {
      this.#claims.delete(address);
    }
    this.#newest.delete(address);
  }

  /** The one that this instance lost its address to, or undefined. */
  lostTo(entry: InstanceEntry): InstanceEntry | undefined {
    const { address } = entry.meaning.instance;
    const group = this.#claims.get(address);
    if (!(group instanceof Map) || group.size < 2) {
      return undefined;
    }
    let newest = this.#newest.get(address);
    if (!newest) {
      newest = entry;
      for (const other of group.values()) {
        if (byWrite(other, newest) > 0) {
          newest = other;
        }
      }
      this.#newest.set(address, newest);
    }
    if (newest === entry || (shared(newest) && shared(entry))) {
      return undefined;
    }
    return newest;
  }
}

function shared({ meaning: { instance } }: InstanceEntry): boolean {
  return instance.meta.shared === true;
}
