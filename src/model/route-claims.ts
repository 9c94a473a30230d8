import { byAge, compare, type Entry } from './entry.ts';
import { rejection } from './rejection.ts';
import type { Rejection, Route } from './service.ts';

/** What one service asks for on the frontends. */
export interface RouteClaim {
  readonly service: string;
  /** The key that asks: the route, or for a service without one its oldest instance. */
  readonly entry: Entry;
  /** `explicit`: hosts and paths stand in a route; `implicit`: they follow from the service's name. */
  readonly kind: 'explicit' | 'implicit';
  /** Empty: no place on the shared frontend. A null host is any host. */
  readonly hosts: readonly (string | null)[];
  readonly paths: readonly (string | null)[];
  /** A bind port of its own. */
  readonly port: number | null;
}

/** Who got what. */
export interface Settlement {
  /** In matching order. */
  readonly routes: readonly Route[];
  /** Service by port. */
  readonly ports: ReadonlyMap<number, string>;
  readonly rejected: readonly Rejection[];
}

/** How much routes may ask for: what each costs every request, and a value of a few kilobytes can ask for millions. */
export interface PlaceLimits {
  /** Places that are a rule each, of all routes: a path of a host or of any, and each `*.host`. `limits.routes` */
  readonly pairs: number;
  /** Hosts without paths, of all routes and services: they are looked up in sets. `limits.hosts` */
  readonly hosts: number;
}

/**
 * Settles claims of hosts, paths and ports alike on every instance: what stands in a route beats what follows
 * from a name, then the older key keeps it. A claim that goes beyond a limit is rejected whole; within them the older
 * keys have their places first, whatever they ask for.
 */
export function settleRoutes(claims: Iterable<RouteClaim>, limits?: PlaceLimits): Settlement {
  const winners = new Map<string, { claim: RouteClaim; route: Route }>();
  const ports = new Map<number, RouteClaim>();
  const rejected: Rejection[] = [];
  const reject = (claim: RouteClaim, reason: string, other?: Entry) => {
    rejected.push(rejection(claim.entry, reason, other));
  };
  const beyond = limits ? beyondLimits(claims, limits) : new Map<RouteClaim, string>();
  for (const claim of [...claims].sort(byRight)) {
    const excess = beyond.get(claim);
    if (excess !== undefined) {
      reject(claim, excess);
      continue;
    }
    let lost = 0;
    for (const host of claim.hosts) {
      for (const path of claim.paths) {
        const place = `${host ?? ''}\n${path ?? ''}`;
        const winner = winners.get(place);
        if (!winner) {
          winners.set(place, { claim, route: { service: claim.service, host, path } });
        } else if (++lost <= NAMED) {
          reject(claim, lostPlace(claim, host, path), winner.claim.entry);
        }
      }
    }
    if (lost > NAMED) {
      reject(claim, `${lost - NAMED} more hosts and paths belong to other keys`);
    }
    if (claim.port === null) {
      continue;
    }
    const owner = ports.get(claim.port);
    if (owner) {
      reject(claim, `the port ${claim.port} belongs to an older key`, owner.entry);
    } else {
      ports.set(claim.port, claim);
    }
  }
  return {
    routes: [...winners.values()].map(({ route }) => route).sort(byMatch),
    ports: new Map([...ports].map(([port, claim]) => [port, claim.service])),
    rejected,
  };
}

/** So many lost places of one route are told one by one. */
const NAMED = 100;

/** The claims that are not let in, with why. */
function beyondLimits(claims: Iterable<RouteClaim>, limits: PlaceLimits): Map<RouteClaim, string> {
  const beyond = new Map<RouteClaim, string>();
  const taken = { pairs: 0, hosts: 0 };
  for (const claim of [...claims].sort((a, b) => byAge(a.entry, b.entry))) {
    const asked = placesOf(claim);
    const excess = tooMany(asked, taken, limits);
    if (excess !== undefined) {
      beyond.set(claim, excess);
      continue;
    }
    taken.pairs += asked.pairs;
    taken.hosts += asked.hosts;
  }
  return beyond;
}

function placesOf({ hosts, paths }: RouteClaim): PlaceLimits {
  const all = hosts.length * paths.length;
  const looked = paths.some((path) => path !== null)
    ? 0
    : hosts.filter((host) => host !== null && !host.startsWith('*.')).length;
  return { pairs: all - looked, hosts: looked };
}

function tooMany(asked: PlaceLimits, taken: PlaceLimits, limits: PlaceLimits): string | undefined {
  const { pairs, hosts } = limits;
  if (taken.pairs + asked.pairs > pairs) {
    return `its ${asked.pairs} pairs of host and path go beyond limits.routes (${pairs} of all routes together), and older routes keep theirs`;
  }
  if (taken.hosts + asked.hosts > hosts) {
    return `its ${asked.hosts} hosts go beyond limits.hosts (${hosts} without paths of all services together), and older keys keep theirs`;
  }
  return undefined;
}

function byRight(a: RouteClaim, b: RouteClaim): number {
  if (a.kind !== b.kind) {
    return a.kind === 'explicit' ? -1 : 1;
  }
  return byAge(a.entry, b.entry) || compare(a.service, b.service);
}

/** Exact hosts, then suffixes from the longest, then `name.*`, then any host; within a host long paths first. */
function byMatch(a: Route, b: Route): number {
  const kind = rank(a.host) - rank(b.host);
  if (kind !== 0) {
    return kind;
  }
  const longer = a.host?.startsWith('*.') ? (b.host?.length ?? 0) - a.host.length : 0;
  return (
    longer ||
    compare(a.host ?? '', b.host ?? '') ||
    (b.path?.length ?? 0) - (a.path?.length ?? 0) ||
    compare(a.path ?? '', b.path ?? '')
  );
}

function rank(host: string | null): number {
  if (host === null) {
    return 3;
  }
  if (host.endsWith('.*')) {
    return 2;
  }
  return host.startsWith('*.') ? 1 : 0;
}

function lostPlace(claim: RouteClaim, host: string | null, path: string | null): string {
  const where = `${host === null ? 'any host' : `the host ${host}`}${path === null ? '' : ` with the path ${path}`}`;
  return claim.kind === 'implicit'
    ? `${where}, which follows from the service's name, belongs to another key`
    : `${where} belongs to an older key`;
}
