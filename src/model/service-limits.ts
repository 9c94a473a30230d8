import { byAge, type Entry } from './entry.ts';

/** How much HAProxy is given of all services together: it needs memory, time and a descriptor for each. */
export interface ServiceLimits {
  /** `limits.services` */
  readonly services: number;
  /** `limits.instances` */
  readonly instances: number;
}

/** What of a service is let in. */
export type Admitted =
  | { readonly kind: 'all' }
  /** So many of its instances, the oldest. */
  | { readonly kind: 'oldest'; readonly count: number; readonly reason: string }
  | { readonly kind: 'none'; readonly reason: string };

/** No limit is reached. */
export const ALL: Admitted = { kind: 'all' };

/** A service as the limits see it. */
export interface SizedService {
  readonly name: string;
  /** Its oldest key. */
  readonly oldest: Entry;
  readonly instances: number;
}

/**
 * Says what of each service is let in, alike on every instance. Of too many services the older ones keep their place. Of too
 * many instances the largest services lose theirs: each has the same number at most, so that whoever registers masses takes
 * nothing from those who have few. Keeps count, so that nothing is looked at anew while the limits are far.
 */
export class ServiceAdmission {
  readonly #limits: ServiceLimits;
  readonly #services = new Map<string, SizedService>();
  #instances = 0;
  #beyond: ReadonlySet<string> = new Set();
  /** How many instances a service may have. */
  #share = Number.POSITIVE_INFINITY;

  constructor(limits: ServiceLimits) {
    this.#limits = limits;
  }

  /** What of a service is let in. */
  of(name: string): Admitted {
    const { services, instances } = this.#limits;
    if (this.#beyond.has(name)) {
      return {
        kind: 'none',
        reason: `limits.services (${services}) is reached, and older services keep their place`,
      };
    }
    if ((this.#services.get(name)?.instances ?? 0) <= this.#share) {
      return ALL;
    }
    const reason = `limits.instances (${instances} of all services together) is reached, and the largest services have their oldest ones alone`;
    return { kind: 'oldest', count: this.#share, reason };
  }

  /** A service is like this now; undefined: it is none any more. */
  set(name: string, service: SizedService | undefined): void {
    this.#instances += (service?.instances ?? 0) - (this.#services.get(name)?.instances ?? 0);
    if (service) {
      this.#services.set(name, service);
    } else {
      this.#services.delete(name);
    }
  }

  /** Settles who is let in, after services changed: gives the names of those for which it is something else now. */
  settle(): readonly string[] {
    const [beyond, share] = [this.#beyond, this.#share];
    this.#beyond = this.#findBeyond();
    this.#share = this.#findShare();
    const changed = new Set(
      [...beyond, ...this.#beyond].filter((name) => beyond.has(name) !== this.#beyond.has(name)),
    );
    if (share !== this.#share) {
      const least = Math.min(share, this.#share);
      for (const { name, instances } of this.#services.values()) {
        if (instances > least) {
          changed.add(name);
        }
      }
    }
    return [...changed];
  }

  #findBeyond(): ReadonlySet<string> {
    const { services } = this.#limits;
    if (this.#services.size <= services) {
      return new Set();
    }
    const byRight = [...this.#services.values()].sort((a, b) => byAge(a.oldest, b.oldest));
    return new Set(byRight.slice(services).map(({ name }) => name));
  }

  #findShare(): number {
    let left = this.#limits.instances;
    if (this.#instances <= left) {
      return Number.POSITIVE_INFINITY;
    }
    const sizes = [...this.#services.values()]
      .filter(({ name, instances }) => instances > 0 && !this.#beyond.has(name))
      .map(({ instances }) => instances)
      .sort((a, b) => a - b);
    for (const [at, size] of sizes.entries()) {
      const share = Math.floor(left / (sizes.length - at));
      if (size > share) {
        return Math.max(1, share);
      }
      left -= size;
    }
    return Number.POSITIVE_INFINITY;
  }
}
