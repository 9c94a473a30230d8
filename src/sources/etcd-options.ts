import type { Limits } from '../model/limits.ts';

/** Where an etcd is and what of it is watched. */
export interface EtcdSourceOptions {
  /** `http://host:port` or `https://host:port`; tried in turn. */
  readonly endpoints: readonly string[];
  /** The domain whose DNS says which those are, as far as it has said so. */
  readonly srv?: string;
  /** Asks it anew: `KnownMembers`. */
  readonly refresh?: (signal: AbortSignal) => Promise<void>;
  /** Paths of PEM files; read anew for each connection, so that renewed certificates are taken up. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly username?: string;
  readonly password?: string;
  /** Read anew for each connection; a final line break is not part of the password. */
  readonly passwordFile?: string;
  /**
   * Whether the HTTP proxy of the environment is gone through.
   *
   * @default none
   */
  readonly proxy?: 'none' | 'environment';
  /** Hosts that are not asked through it: the text of `no_proxy`. */
  readonly noProxy?: string;
  /** A prefix covers the key itself and everything below it, by segment. */
  readonly prefixes: readonly string[];
  /** The place of this source in the settings: `Entry.source`. */
  readonly index: number;
  /** Values beyond them are dropped as they are read. @default none */
  readonly limits?: Limits;
  /** Milliseconds between two full reads while all seems well. @default 420_000, give or take a quarter */
  readonly rereadEvery?: number;
}

/** The name of an etcd source for people. */
export function etcdName({ endpoints, srv }: Pick<EtcdSourceOptions, 'endpoints' | 'srv'>): string {
  if (srv !== undefined) {
    return `etcd of ${srv}`;
  }
  return `etcd ${endpoints.join(' ')}`;
}
