import type { PRESENCES } from './definition-schema.ts';

/** How a service gets into etcd: by a unit of its own, as the child of `announce`, by labels for `announce --all`, or not at all. */
export type Presence = (typeof PRESENCES)[number];

/** All that is known of a service of one environment. Times are in milliseconds. */
export interface ServiceSpec {
  readonly name: string;
  readonly image: string;
  readonly ports: readonly { readonly inside: number; readonly host: number | null }[];
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  readonly volumes: readonly string[];
  readonly command: readonly string[];
  /** Further flags of `docker run`. */
  readonly options: readonly string[];
  readonly instances: number | 'each';
  readonly role: string | null;
  readonly spread: 'zone' | 'host' | null;
  readonly presence: Presence;
  readonly check: string | null;
  readonly drain: number;
  /** What it may take to end after SIGTERM. */
  readonly stop: number;
  readonly weight: number | null;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly needs: { readonly services: readonly string[]; readonly units: readonly string[] };
  readonly memory: string | null;
  readonly cpus: number | null;
  readonly restart: {
    readonly pause: number;
    readonly limit: { readonly most: number; readonly within: number } | null;
  };
  readonly log: { readonly lines: number; readonly within: number };
}

/** How `announce` is run on the hosts. */
export type Announcer =
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'program'; readonly program: string };

/** All services of one environment, by name, with what they share. */
export interface Site {
  /** Null where the definitions have none. */
  readonly environment: string | null;
  readonly services: readonly ServiceSpec[];
  readonly announcer: Announcer | null;
  /** Members of etcd; empty where the settings of each host say it. */
  readonly etcd: readonly string[];
  readonly interface: string | null;
  /** Milliseconds. */
  readonly ttl: number | null;
  /** The prefix of the services in etcd; null where the settings of each host say it. */
  readonly prefix: string | null;
  readonly domain: string | null;
  /** The names of the hosts that it may use; null for all. */
  readonly hosts: readonly string[] | null;
}
