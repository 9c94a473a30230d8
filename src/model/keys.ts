/** The prefixes of the settings, by what stands below them. */
export interface Prefixes {
  readonly services: readonly string[];
  readonly routes: readonly string[];
  /** Free text for templates. */
  readonly keys: readonly string[];
}

/** The key of an instance. `rank` is the place of its prefix in the settings: the later one wins. */
export interface InstanceRole {
  readonly kind: 'instance';
  readonly service: string;
  readonly id: string;
  readonly rank: number;
}

/** The key of a route; `rank` as with instances. */
export interface RouteRole {
  readonly kind: 'route';
  readonly service: string;
  readonly rank: number;
}

/** What a key is for. */
export type KeyRole =
  | InstanceRole
  | RouteRole
  /** Registrator's key of a UDP port: no server of HAProxy's. */
  | { readonly kind: 'udp'; readonly service: string }
  | { readonly kind: 'free' }
  | { readonly kind: 'wrong'; readonly reason: string };

const SERVICE_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
/** Registrator's `<host>:<container>:<port>:udp`. */
const UDP_ID = /:\d{1,5}:udp$/;
const INSTANCE_ID = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Whether `prefix` covers `key`: the key itself and everything below it, by segment. */
export function covers(prefix: string, key: string): boolean {
  return (
    key.startsWith(prefix) && (key.length === prefix.length || prefix === '/' || key[prefix.length] === '/')
  );
}

/** Says what a key is for; the longest prefix that covers it decides, and services win over free keys. */
export function classifyKey(key: string, prefixes: Prefixes): KeyRole {
  const services = longest(key, prefixes.services);
  const routes = longest(key, prefixes.routes);
  const length = (at: number, list: readonly string[]) => list[at]?.length ?? -1;
  if (services >= 0 && length(services, prefixes.services) >= length(routes, prefixes.routes)) {
    return instanceRole(key.slice(length(services, prefixes.services) + 1), services);
  }
  if (routes >= 0) {
    return routeRole(key.slice(length(routes, prefixes.routes) + 1), routes);
  }
  return { kind: 'free' };
}

function longest(key: string, prefixes: readonly string[]): number {
  let best = -1;
  prefixes.forEach((prefix, at) => {
    if (covers(prefix, key) && prefix.length > (prefixes[best]?.length ?? -1)) {
      best = at;
    }
  });
  return best;
}

function instanceRole(rest: string, rank: number): KeyRole {
  const [service = '', id = '', ...deeper] = rest.split('/');
  if (id === '') {
    return wrong('a key of a service is <service>/<instance>; the instance is missing');
  }
  if (deeper.length > 0) {
    return wrong('a key of a service is <service>/<instance>; this one goes deeper');
  }
  const bad = badServiceName(service);
  if (bad) {
    return wrong(bad);
  }
  if (!INSTANCE_ID.test(id)) {
    return wrong('the instance id must be 1 to 128 of the characters A-Z a-z 0-9 _ . : -');
  }
  return UDP_ID.test(id) ? { kind: 'udp', service } : { kind: 'instance', service, id, rank };
}

function routeRole(rest: string, rank: number): KeyRole {
  const [service = '', ...deeper] = rest.split('/');
  if (deeper.length > 0) {
    return wrong('a key of a route is <service>; this one goes deeper');
  }
  const bad = badServiceName(service);
  return bad ? wrong(bad) : { kind: 'route', service, rank };
}

function badServiceName(name: string): string | undefined {
  return SERVICE_NAME.test(name)
    ? undefined
    : 'the service name must be 1 to 64 of the characters A-Z a-z 0-9 _ . -';
}

function wrong(reason: string): KeyRole {
  return { kind: 'wrong', reason };
}
