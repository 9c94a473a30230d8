/** How a service is balanced: the closed list of `balance` in `/routes/<service>`. */
export const BALANCE = ['roundrobin', 'static-rr', 'leastconn', 'first', 'random', 'source', 'uri'] as const;
/** One of `BALANCE`. */
export type Balance = (typeof BALANCE)[number];

/** The names that `timeouts` in `/routes/<service>` may hold; values are HAProxy durations such as `30s`. */
export const TIMEOUTS = [
  'connect',
  'server',
  'client',
  'queue',
  'tunnel',
  'http-request',
  'http-keep-alive',
] as const;
/** One of `TIMEOUTS`. */
export type TimeoutName = (typeof TIMEOUTS)[number];

/** The health check of `/routes/<service>`. A `path` makes it an HTTP check; without one it is a TCP connect. */
export interface Check {
  /** Path (and query) of an HTTP GET, from `/`; null for a plain TCP connect. */
  readonly path: string | null;
  /** HAProxy duration between two checks, or null for the template's default. */
  readonly interval: string | null;
  readonly rise: number | null;
  readonly fall: number | null;
  /** Accepted status: `200`, `200-399` or a list of these by comma; null for the template's default. */
  readonly status: string | null;
}

/** Free data of a service or an instance; for templates only. */
export type Meta = Readonly<Record<string, unknown>>;

/** One server of a service, checked: every text in it is safe as one token of HAProxy's configuration. */
export interface Instance {
  readonly id: string;
  /** An IPv4 address, an IPv6 address without brackets, or a host name. */
  readonly host: string;
  /** What `host` is; host names need a `resolvers` section. */
  readonly family: 'ipv4' | 'ipv6' | 'name';
  readonly port: number;
  /** `host:port`, with IPv6 in brackets. */
  readonly address: string;
  /** 0–256, or null where the value names none. 0 while draining. */
  readonly weight: number | null;
  readonly maxconn: number | null;
  readonly backup: boolean;
  readonly drain: boolean;
  readonly tags: readonly string[];
  readonly meta: Meta;
  readonly key: string;
}

/** One service with its route and its instances. The same object as before while nothing in it changed. */
export interface Service {
  readonly name: string;
  readonly mode: 'http' | 'tcp';
  /**
   * The hosts it won, lower-cased: exact, `*.suffix`, or `name.*` (only with `vars.defaultRoutes: any`).
   * Empty: with `paths`, every host; without, it is not on the shared frontend.
   */
  readonly hosts: readonly string[];
  /** Path prefixes on segment boundaries, without a trailing slash; empty means every path. */
  readonly paths: readonly string[];
  /** A bind port of its own (always, for a tcp service that won its port), or null. */
  readonly port: number | null;
  /** False: not on the shared frontend. */
  readonly expose: boolean;
  readonly balance: Balance | null;
  readonly check: Check | null;
  readonly timeouts: Readonly<Partial<Record<TimeoutName, string>>>;
  readonly meta: Meta;
  /** Sorted by id. May be empty where there is a route only. */
  readonly instances: readonly Instance[];
}

/**
 * One rule of the shared http frontend. The catalog gives them in the order in which the first match wins:
 * exact hosts, then `*.suffix` from the longest, then `name.*`, then any host; within a host the longest path
 * first.
 */
export interface Route {
  readonly service: string;
  /** Exact, `*.suffix`, `name.*`, or null for any host. */
  readonly host: string | null;
  /** Prefix on a segment boundary, or null for any path. */
  readonly path: string | null;
}

/** A service of whose addresses another one has taken a large share, by registering them later. */
export interface MassClaim {
  readonly service: string;
  /** Who has them now. */
  readonly by: string;
  /** How many it took, of how many that the service has registered. */
  readonly taken: number;
  readonly of: number;
}

/** A key that never reaches a template, and why. */
export interface Rejection {
  readonly key: string;
  /** The value, shortened to 80 characters, control characters escaped. */
  readonly value: string;
  /** One sentence without the key: what was found and what would fit. */
  readonly reason: string;
  /** The other key, where a claim was lost to it. */
  readonly other?: string;
}
