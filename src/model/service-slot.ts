import type { AddressClaims } from './address-claims.ts';
import { byAge, compare, type Entry } from './entry.ts';
import type { InstanceRole, RouteRole } from './keys.ts';
import type { InstanceEntry, ReadEntry } from './read-entry.ts';
import { rejection, sameRejections } from './rejection.ts';
import type { RouteClaim, Settlement } from './route-claims.ts';
import type { RouteValue } from './route-value.ts';
import type { Instance, MassClaim, Rejection, Service } from './service.ts';
import { type Admitted, ALL, type SizedService } from './service-limits.ts';

/** Where services without hosts of their own are reached: `vars.domain` and `vars.defaultRoutes`. */
export interface DefaultRoutes {
  readonly kind: 'domain' | 'any' | 'none';
  readonly domain: string | null;
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
  /** By instance id; those of the latest prefix last, as with routes. */
  readonly #instances = new Map<string, readonly InstanceEntry[]>();
  #routes: readonly ReadEntry[] = [];
  #admitted: Admitted = ALL;
  /** The instances that are let in. */
  #claiming: ReadonlySet<InstanceEntry> = new Set();
  #built: Service | undefined;
  #rejected: readonly Rejection[] = [];
  #losses: ReadonlyMap<string, number> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  get rejected(): readonly Rejection[] {
    return this.#rejected;
  }

  /** The other service that took the most addresses of this one, where that is more than a share of them. */
  massClaim(share: number): MassClaim | undefined {
    const [most] = [...this.#losses].sort(([a, n], [b, m]) => m - n || compare(a, b));
    const of = this.#instances.size;
    return most && most[1] > share * of ? { service: this.name, by: most[0], taken: most[1], of } : undefined;
  }

  /** True when no key is left that speaks of this service. */
  get empty(): boolean {
    return this.#instances.size === 0 && this.#routes.length === 0;
  }

  /** The instance of this id under the latest prefix. */
  effective(id: string): InstanceEntry | undefined {
    return this.#instances.get(id)?.at(-1);
  }

  /** Undefined: there is none under that prefix. */
  setInstance({ id, rank }: InstanceRole, entry: InstanceEntry | undefined): void {
    const all = withRank(this.#instances.get(id) ?? [], rank, entry);
    if (all.length > 0) {
      this.#instances.set(id, all);
    } else {
      this.#instances.delete(id);
    }
  }

  /** The same for a route; one whose value was refused is one, too. */
  setRoute({ rank }: RouteRole, entry: ReadEntry | undefined): void {
    this.#routes = withRank(this.#routes, rank, entry);
  }

  /** What the limits see of it; undefined where it is no service. */
  get sized(): SizedService | undefined {
    const route = this.#route();
    if (this.#instances.size === 0 && !routeOf(route)) {
      return undefined;
    }
    const [first, second] = [route, this.#oldest()];
    const oldest = first && second && byAge(second, first) < 0 ? second : (first ?? second);
    return oldest && { name: this.name, oldest, instances: this.#instances.size };
  }

  /** Takes what is let in of it; gives the instances that claim their address from now on, and those that do no longer. */
  admit(admitted: Admitted): {
    readonly come: readonly InstanceEntry[];
    readonly gone: readonly InstanceEntry[];
  } {
    const before = this.#claiming;
    const now = new Set(this.#letIn(admitted));
    this.#admitted = admitted;
    this.#claiming = now;
    return {
      come: [...now].filter((entry) => !before.has(entry)),
      gone: [...before].filter((entry) => !now.has(entry)),
    };
  }

  #letIn(admitted: Admitted): readonly InstanceEntry[] {
    const all = [...this.#instances.values()].flatMap((entries) => entries.at(-1) ?? []);
    switch (admitted.kind) {
      case 'all':
        return all;
      case 'oldest':
        return all.sort(byAge).slice(0, admitted.count);
      case 'none':
        return [];
    }
  }

  /** What it asks for on the frontends. A service whose only route was refused asks for nothing. */
  claims(defaults: DefaultRoutes): RouteClaim[] {
    if (this.#admitted.kind === 'none') {
      return [];
    }
    const route = this.#route();
    const asked = routeOf(route);
    if (route && !asked) {
      return [];
    }
    const entry = route ?? this.#oldest();
    if (!entry) {
      return [];
    }
    const value = asked ?? NO_ROUTE;
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
    const rejected = this.#findRejected(addresses, route);
    this.#rejected = sameRejections(rejected, this.#rejected) ? this.#rejected : rejected;
    const asked = routeOf(route);
    if (this.#admitted.kind === 'none' || (this.#instances.size === 0 && !asked)) {
      this.#built = undefined;
      return undefined;
    }
    const value = asked ?? NO_ROUTE;
    const service: Service = {
      name: this.name,
      mode: value.mode,
      hosts: won.hosts,
      paths: value.paths,
      port: won.port,
      expose: value.expose && !(route && !asked),
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

  #route(): ReadEntry | undefined {
    return this.#routes.findLast((route) => routeOf(route) !== undefined) ?? this.#routes.at(-1);
  }

  #oldest(): Entry | undefined {
    let oldest: Entry | undefined;
    for (const all of this.#instances.values()) {
      for (const entry of all) {
        if (!oldest || byAge(entry, oldest) < 0) {
          oldest = entry;
        }
      }
    }
    return oldest;
  }

  #liveInstances(addresses: AddressClaims): Instance[] {
    const live: Instance[] = [];
    for (const all of this.#instances.values()) {
      const entry = all.at(-1);
      if (entry && this.#claiming.has(entry) && !addresses.lostTo(entry)) {
        live.push(entry.meaning.instance);
      }
    }
    return live.sort((a, b) => compare(a.id, b.id));
  }

  #findRejected(addresses: AddressClaims, route: ReadEntry | undefined): Rejection[] {
    const rejected: Rejection[] = [];
    const losses = new Map<string, number>();
    const limit = this.#admitted.kind === 'all' ? '' : this.#admitted.reason;
    for (const all of this.#instances.values()) {
      const entry = all.at(-1);
      for (const other of all) {
        if (entry && other !== entry) {
          rejected.push(rejection(other, SHADOWED, entry));
        }
      }
      const isLetIn = entry && this.#claiming.has(entry);
      if (entry && !isLetIn) {
        rejected.push(rejection(entry, limit));
      }
      const newer = isLetIn && addresses.lostTo(entry);
      if (newer) {
        const reason = `the address ${entry.meaning.instance.address} was registered anew by another key`;
        rejected.push(rejection(entry, reason, newer));
        const { service } = newer.meaning.role;
        if (service !== this.name) {
          losses.set(service, (losses.get(service) ?? 0) + 1);
        }
      }
    }
    if (route && routeOf(route) && this.#admitted.kind === 'none') {
      rejected.push(rejection(route, limit));
    }
    for (const other of this.#routes) {
      if (route && other !== route && routeOf(other)) {
        rejected.push(rejection(other, SHADOWED, route));
      }
    }
    this.#losses = losses;
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

/** The same list with this entry under a prefix, or without one there. */
function withRank<E extends ReadEntry>(list: readonly E[], rank: number, entry: E | undefined): readonly E[] {
  const others = list.filter((other) => rankOf(other) !== rank);
  return entry ? [...others, entry].sort((a, b) => rankOf(a) - rankOf(b)) : others;
}

function rankOf({ meaning: { role } }: ReadEntry): number {
  return 'rank' in role ? role.rank : -1;
}

/** Undefined where there is no route, or its value was refused. */
function routeOf(route: ReadEntry | undefined): RouteValue | undefined {
  return route?.meaning.kind === 'route' ? route.meaning.route : undefined;
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
