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

/**
 * Settles claims of hosts, paths and ports alike on every instance: what stands in a route beats what follows
 * from a name, then the older key keeps it. A claim that would take the number of places that are asked for above
 * `places` is rejected whole: a value of a few kilobytes can ask for millions (hosts times paths).
 */
export function settleRoutes(
  claims: Iterable<RouteClaim>,
  reservedPorts: ReadonlyMap<number, string>,
  places = Number.POSITIVE_INFINITY,
): Settlement {
  const winners = new Map<string, { claim: RouteClaim; route: Route }>();
  const ports = new Map<number, RouteClaim>();
  const rejected: Rejection[] = [];
  let asked = 0;
  const reject = (claim: RouteClaim, reason: string, other?: Entry) => {
    rejected.push(rejection(claim.entry, reason, other));
  };
  for (const claim of [...claims].sort(byRight)) {
    const more = claim.hosts.length * claim.paths.length;
    if (asked + more > places) {
      reject(claim, tooMany(more, places));
      continue;
    }
    asked += more;
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
    const reserved = reservedPorts.get(claim.port);
    if (reserved !== undefined) {
      reject(claim, `the port ${claim.port} is taken by ${reserved}`);
    } else if (owner) {
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

function tooMany(more: number, places: number): string {
  return more > places
    ? `its hosts and paths are ${more} places, more than limits.routes (${places}) for all routes together`
    : `limits.routes (${places} hosts and paths of all routes together) is reached, and older routes keep theirs`;
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
