import { SystemError } from '../errors.ts';
import { ourUser } from '../system/our-user.ts';

/** Where the status server listens, or shall. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Why the status server cannot listen on an address, and what to do; `setting` is the one that names it. */
export function listenError(
  { host, port }: ListenAddress,
  cause: unknown,
  setting: 'status.listen' | 'announce.listen' = 'status.listen',
): SystemError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: `${ourUser()} may not listen there (ports under 1024 need root or CAP_NET_BIND_SERVICE)`,
    ENOTFOUND: 'there is no such host',
  };
  return new SystemError(`opening the status server on ${host}:${port}: ${why[code] ?? code}`, {
    hint: `Set ${setting} (POINTSMAN_${setting.replace('.', '_').toUpperCase()}) to another address, such as 127.0.0.1:9291.`,
    cause,
  });
}
