import type { AddressClaims, Candidate } from './address-claims.ts';
import { byAge, compare, type Entry } from './entry.ts';
import { rejection } from './rejection.ts';
import type { RouteClaim, Settlement } from './route-claims.ts';
import type { RouteValue } from './route-value.ts';
import type { Instance, Rejection, Service } from './service.ts';

/** Where services without hosts of their own are reached: `vars.domain` and `vars.defaultRoutes`. */
export interface DefaultRoutes {
  readonly kind: 'domain' | 'any' | 'none';
  readonly domain: string | null;
}

/** A route key; `value` is null where it was refused. */
export interface RouteCandidate {
  readonly entry: Entry;
  readonly value: RouteValue | null;
}

const NO_ROUTE: RouteValue = {
  mode: 'http',
  hosts: [],
  paths: [],
  port: null,
  expose: true,
  balance: null,
  check: null,
  timeouts: {},
  meta: {},
};

/** Everything that keys say about one service, and the `Service` that follows from it. */
export class ServiceSlot {
  readonly name: string;
  /** By instance id, then by the rank of the prefix. */
  readonly #instances = new Map<string, Map<number, Candidate>>();
  readonly #routes = new Map<number, RouteCandidate>();
  #built: Service | undefined;
  #rejected: readonly Rejection[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get rejected(): readonly Rejection[] {
    return this.#rejected;
  }

  /** True when no key is left that speaks of this service. */
  get empty(): boolean {
    return this.#instances.size === 0 && this.#routes.size === 0;
  }

  /** The candidate of this id under the latest prefix. */
  effective(id: string): Candidate | undefined {
    return last(this.#instances.get(id));
  }

  setInstance(id: string, rank: number, candidate: Candidate | undefined): void {
    const byRank = this.#instances.get(id) ?? new Map<number, Candidate>();
    if (candidate) {
      this.#instances.set(id, byRank.set(rank, candidate));
    } else if (byRank.delete(rank) && byRank.size === 0) {
      this.#instances.delete(id);
    }
  }

  setRoute(rank: number, route: RouteCandidate | undefined): void {
    if (route) {
      this.#routes.set(rank, route);
    } else {
      this.#routes.delete(rank);
    }
  }

  /** What it asks for on the frontends. A service whose only route was refused asks for nothing. */
  claims(defaults: DefaultRoutes): RouteClaim[] {
    const route = this.#route();
    if (route && !route.value) {
      return [];
    }
    const entry = route?.entry ?? this.#oldest();
    if (!entry) {
      return [];
    }
    const value = route?.value ?? NO_ROUTE;
    const named = value.hosts.length > 0 || value.paths.length > 0;
    const hosts = named ? orAny(value.hosts) : defaultHosts(this.name, defaults);
    const shown = value.mode === 'http' && value.expose;
    const base = { service: this.name, entry };
    const claims: RouteClaim[] = [];
    if (shown && hosts.length > 0) {
      const kind = named ? 'explicit' : 'implicit';
      claims.push({ ...base, kind, hosts, paths: orAny(value.paths), port: null });
    }
    if (value.port !== null) {
      claims.push({ ...base, kind: 'explicit', hosts: [], paths: [], port: value.port });
    }
    return claims;
  }

  /** The service, or undefined where there is neither a good instance nor a route. The same object as the
   *  last time where nothing changed. */
  build(addresses: AddressClaims, won: Won): Service | undefined {
    const route = this.#route();
    this.#rejected = this.#findRejected(addresses, route);
    if (this.#instances.size === 0 && !route?.value) {
      this.#built = undefined;
      return undefined;
    }
    const value = route?.value ?? NO_ROUTE;
    const service: Service = {
      name: this.name,
      mode: value.mode,
      hosts: won.hosts,
      paths: value.paths,
      port: won.port,
      expose: value.expose && route?.value !== null,
      balance: value.balance,
      check: value.check,
      timeouts: value.timeouts,
      meta: value.meta,
      instances: this.#liveInstances(addresses),
    };
    if (!this.#built || !sameService(this.#built, service)) {
      this.#built = Object.freeze(service);
    }
    return this.#built;
  }

  #route(): RouteCandidate | undefined {
    const good = new Map([...this.#routes].filter(([, route]) => route.value));
    return last(good) ?? last(this.#routes);
  }

  #oldest(): Entry | undefined {
    let oldest: Entry | undefined;
    for (const byRank of this.#instances.values()) {
      for (const { entry } of byRank.values()) {
        if (!oldest || byAge(entry, oldest) < 0) {
          oldest = entry;
        }
      }
    }
    return oldest;
  }

  #liveInstances(addresses: AddressClaims): Instance[] {
    const live: Instance[] = [];
    for (const byRank of this.#instances.values()) {
      const candidate = last(byRank);
      if (candidate && !addresses.lostTo(candidate)) {
        live.push(candidate.instance);
      }
    }
    return live.sort((a, b) => compare(a.id, b.id));
  }

  #findRejected(addresses: AddressClaims, route: RouteCandidate | undefined): Rejection[] {
    const rejected: Rejection[] = [];
    for (const byRank of this.#instances.values()) {
      const candidate = last(byRank);
      for (const other of byRank.values()) {
        if (candidate && other !== candidate) {
          rejected.push(lost(other.entry, SHADOWED, candidate.entry));
        }
      }
      const newer = candidate && addresses.lostTo(candidate);
      if (newer) {
        const reason = `the address ${candidate.instance.address} was registered anew by another key`;
        rejected.push(lost(candidate.entry, reason, newer.entry));
      }
    }
    for (const other of this.#routes.values()) {
      if (route && other.value && other !== route) {
        rejected.push(lost(other.entry, SHADOWED, route.entry));
      }
    }
    return rejected;
  }
}

/** What a service won on the frontends. */
export interface Won {
  readonly hosts: readonly string[];
  readonly port: number | null;
}

/** What each service won, from a settlement. */
export function wonBy({ routes, ports }: Settlement): Map<string, Won> {
  const won = new Map<string, { hosts: string[]; port: number | null }>();
  const of = (service: string) => {
    const known = won.get(service) ?? { hosts: [], port: null };
    won.set(service, known);
    return known;
  };
  for (const { service, host } of routes) {
    const { hosts } = of(service);
    if (host !== null && !hosts.includes(host)) {
      hosts.push(host);
    }
  }
  for (const [port, service] of ports) {
    of(service).port = port;
  }
  return won;
}

const SHADOWED = 'the same is registered under a later prefix of the settings, which wins';

function lost(entry: Entry, reason: string, other: Entry): Rejection {
  return rejection(entry, reason, other);
}

function defaultHosts(service: string, { kind, domain }: DefaultRoutes): string[] {
  if (kind === 'none') {
    return [];
  }
  const name = service.toLowerCase();
  return [name, ...(domain === null ? [] : [`${name}.${domain}`]), ...(kind === 'any' ? [`${name}.*`] : [])];
}

function orAny(list: readonly string[]): readonly (string | null)[] {
  return list.length > 0 ? list : [null];
}

function last<T>(byRank: ReadonlyMap<number, T> | undefined): T | undefined {
  let highest = Number.NEGATIVE_INFINITY;
  for (const rank of byRank?.keys() ?? []) {
    highest = Math.max(highest, rank);
  }
  return byRank?.get(highest);
}

/** Parts are compared by identity: they are made anew only when their value changed. */
function sameService(a: Service, b: Service): boolean {
  const parts = ['mode', 'paths', 'port', 'expose', 'balance', 'check', 'timeouts', 'meta'] as const;
  return (
    parts.every((part) => a[part] === b[part]) &&
    sameList(a.hosts, b.hosts) &&
    sameList(a.instances, b.instances)
  );
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}
