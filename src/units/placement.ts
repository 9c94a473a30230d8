import { createHash } from 'node:crypto';
import { compare } from '../model/entry.ts';
import type { Host } from './host.ts';

/** What of a service decides where it runs. */
export interface ToPlace {
  readonly name: string;
  readonly instances: number | 'each';
  readonly spread: 'zone' | 'host' | null;
}

/** How many instances run on which host, hosts by name; or why they cannot be placed. */
export type Placement =
  | { readonly kind: 'placed'; readonly counts: ReadonlyMap<string, number> }
  | { readonly kind: 'impossible'; readonly why: string };

/**
 * Spreads a service over hosts: first evenly over zones, then over the hosts of each. Which ones get one more is settled by a hash of
 * their name and the service's (rendezvous hashing), so that the answer is the same everywhere, other services choose other
 * hosts, and where a host goes, only what ran there runs elsewhere.
 */
export function place(service: ToPlace, hosts: readonly Host[]): Placement {
  const { instances, spread } = service;
  if (instances === 'each') {
    return { kind: 'placed', counts: new Map(hosts.map(({ name }) => [name, 1])) };
  }
  const homeless = hosts.find(({ zone }) => zone === null);
  if (spread === 'zone' && homeless !== undefined) {
    return {
      kind: 'impossible',
      why: `it is to be spread over zones, and the host ${homeless.name} has none`,
    };
  }
  if (instances > 0 && hosts.length === 0) {
    return { kind: 'impossible', why: 'there is no host for it' };
  }
  if (spread === 'host' && instances > hosts.length) {
    return {
      kind: 'impossible',
      why: `${instances} instances on hosts of their own take as many hosts, and there are ${hosts.length}`,
    };
  }
  const most = spread === 'host' ? 1 : Number.POSITIVE_INFINITY;
  const zones = Map.groupBy(hosts, ({ zone }) => zone ?? '');
  const shares = divide(
    instances,
    [...zones].map(([zone, inside]) => ({ name: zone, most: inside.length * most })),
    `${service.name}\0zone`,
  );
  const counts = [...zones].flatMap(([zone, inside]) => [
    ...divide(
      shares.get(zone) ?? 0,
      inside.map(({ name }) => ({ name, most })),
      `${service.name}\0host`,
    ),
  ]);
  return {
    kind: 'placed',
    counts: new Map(counts.filter(([, count]) => count > 0).sort(([a], [b]) => compare(a, b))),
  };
}

interface Share {
  readonly name: string;
  readonly most: number;
}

/** Divides a number evenly; none gets more than it may, and of the rest those with the highest hashes get one each. */
function divide(count: number, shares: readonly Share[], salt: string): Map<string, number> {
  const ranked = shares.toSorted((a, b) => compare(rank(b.name, salt), rank(a.name, salt)));
  const given = new Map(ranked.map(({ name }) => [name, 0]));
  let left = count;
  while (left > 0) {
    const open = ranked.filter(({ name, most }) => (given.get(name) ?? 0) < most);
    const round = open.slice(0, left);
    if (round.length === 0) {
      return given;
    }
    for (const { name } of round) {
      given.set(name, (given.get(name) ?? 0) + 1);
    }
    left -= round.length;
  }
  return given;
}

function rank(name: string, salt: string): string {
  return createHash('sha256').update(`${salt}\0${name}`).digest('hex');
}
