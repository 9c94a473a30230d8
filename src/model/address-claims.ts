import { byWrite, type Entry } from './entry.ts';
import type { Instance } from './service.ts';

/** One instance that could be in the configuration. */
export interface Candidate {
  readonly service: string;
  readonly entry: Entry;
  readonly instance: Instance;
}

/**
 * Settles who keeps an address: the newest registration, and beside it those that share it with it by
 * `meta.shared`. A host that came back gives its ports out anew while the old leases live on for minutes.
 */
export class AddressClaims {
  readonly #claims = new Map<string, Map<string, Candidate>>();
  /** By address, looked up once after each change: thousands of keys may claim one address. */
  readonly #newest = new Map<string, Candidate>();

  /** Every candidate that now claims the same address as this one, itself included or not. */
  at(address: string): Iterable<Candidate> {
    return this.#claims.get(address)?.values() ?? [];
  }

  add(candidate: Candidate): void {
    const { address } = candidate.instance;
    const group = this.#claims.get(address) ?? new Map<string, Candidate>();
    this.#claims.set(address, group.set(candidate.entry.key, candidate));
    this.#newest.delete(address);
  }

  remove(candidate: Candidate): void {
    const group = this.#claims.get(candidate.instance.address);
    if (group?.get(candidate.entry.key) === candidate) {
      group.delete(candidate.entry.key);
    }
    this.#newest.delete(candidate.instance.address);
    if (group?.size === 0) {
      this.#claims.delete(candidate.instance.address);
    }
  }

  /** The one that this candidate lost its address to, or undefined. */
  lostTo(candidate: Candidate): Candidate | undefined {
    const { address } = candidate.instance;
    const group = this.#claims.get(address);
    if (!group || group.size < 2) {
      return undefined;
    }
    let newest = this.#newest.get(address);
    if (!newest) {
      newest = candidate;
      for (const other of group.values()) {
        if (byWrite(other.entry, newest.entry) > 0) {
          newest = other;
        }
      }
      this.#newest.set(address, newest);
    }
    if (newest === candidate || (shared(newest) && shared(candidate))) {
      return undefined;
    }
    return newest;
  }
}

function shared({ instance }: Candidate): boolean {
  return instance.meta.shared === true;
}
