import type { Route } from './service.ts';

/** Several routes of one service that one rule can ask for: any of its hosts with any of its paths. */
export interface RouteRule {
  readonly service: string;
  /** Exact ones, or `*.suffix` of one length; empty for any host. */
  readonly hosts: readonly string[];
  /** Empty for every path. */
  readonly paths: readonly string[];
}

/** A line of HAProxy's has at most 64 words. */
const MOST = 20;

/**
 * The routes of hosts with paths, of `*.suffix` and of any host as few rules, of which the first match wins just the same.
 * Every rule costs every request that gets to it, and a route of a few kilobytes is hundreds of hosts times hundreds of
 * paths. Left out are exact hosts without paths and `name.*`, which can be looked up in sets.
 */
export function routeRules(routes: readonly Route[]): RouteRule[] {
  const kinds = new Map<string, number>();
  const groups = new Map<string, Group>();
  for (const [host, all] of Map.groupBy(routes, (route) => route.host)) {
    const isExact = host !== null && !host.includes('*');
    if (host?.endsWith('.*') || (isExact && all.every(({ path }) => path === null))) {
      continue;
    }
    // Two exact hosts are never both right, nor are two suffixes of one length: they have no order.
    const kind = isExact ? 'exact' : `${host?.length ?? 'any'}`;
    kinds.set(kind, kinds.get(kind) ?? kinds.size);
    for (const step of stepsOf(all)) {
      const name = JSON.stringify([kind, step]);
      const group = groups.get(name) ?? { ...step, kind: kinds.get(kind) ?? 0, hosts: [] };
      groups.set(name, group);
      if (host !== null) {
        group.hosts.push(host);
      }
    }
  }
  const sorted = [...groups.values()].sort((a, b) => a.kind - b.kind || a.rank - b.rank);
  return sorted.flatMap(({ service, hosts, paths }) =>
    chunks(paths).flatMap((some) => chunks(hosts).map((few) => ({ service, hosts: few, paths: some }))),
  );
}

/** Hosts of one kind with the same step. */
interface Group extends Step {
  readonly kind: number;
  readonly hosts: string[];
}

/** Paths of one service on one host that may be asked for together. */
interface Step {
  /** After all steps of lower ranks. */
  readonly rank: number;
  readonly service: string;
  readonly paths: string[];
}

/** Of what covers every path. */
const LAST = 1000;

/**
 * The routes of one host in steps. Only a path and one below it have an order, where they are not of the same service; so the
 * rank of a path is above those of what lies below it.
 */
function stepsOf(routes: readonly Route[]): readonly Step[] {
  const services = new Map(routes.map(({ path, service }) => [path, service]));
  const ranks = new Map<string, number>();
  const steps = new Map<string, Step>();
  // Longest first: what is below a path comes before it.
  for (const { path, service } of routes) {
    const rank = path === null ? LAST : (ranks.get(path) ?? 0);
    const name = `${rank} ${service}`;
    const step = steps.get(name) ?? { rank, service, paths: [] };
    steps.set(name, step);
    if (path === null) {
      continue;
    }
    step.paths.push(path);
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const above = path.slice(0, end);
      const owner = services.get(above);
      if (owner !== undefined) {
        ranks.set(above, Math.max(ranks.get(above) ?? 0, owner === service ? rank : rank + 1));
      }
    }
  }
  return [...steps.values()];
}

/** A list in parts; one empty part for an empty list. */
function chunks(list: readonly string[]): (readonly string[])[] {
  const count = Math.max(1, Math.ceil(list.length / MOST));
  return Array.from({ length: count }, (_, at) => list.slice(at * MOST, (at + 1) * MOST));
}
