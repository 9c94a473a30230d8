import { X509Certificate } from 'node:crypto';
import { SourceError } from '../errors.ts';
import { visible } from '../model/visible.ts';

/** Who we are to etcd. */
export interface EtcdUser {
  readonly name: string;
  /** Which setting says so. */
  readonly from: 'username' | 'tls.cert';
}

/** Whom etcd takes the bearer of a client certificate for (PEM), where no user name is given: its CN, where it has one. */
export function userOf(certificate: Buffer): EtcdUser | null {
  try {
    const name = /^CN=(.*)$/m.exec(new X509Certificate(certificate).subject)?.[1];
    return name === undefined ? null : { name, from: 'tls.cert' };
  } catch {
    // That it is none is said where it is used.
    return null;
  }
}

/** etcd does not let a user read some prefixes. */
export class DeniedError extends SourceError {
  readonly prefixes: readonly string[];

  /** `roles`: those of the user, where they are known. */
  constructor(prefixes: readonly string[], user: EtcdUser | null, roles: readonly string[] | null = null) {
    super(foundOf(prefixes, user, roles), { hint: hintOf(prefixes, user, roles) });
    this.prefixes = prefixes;
  }
}

/** Who is asked for the roles of a user. */
export interface RolesOf {
  readonly user: EtcdUser | null;
  /** The roles of the user; null where etcd does not say. */
  roles(signal: AbortSignal): Promise<readonly string[] | null>;
}

/** A `DeniedError` with the roles of the user, which etcd lets everybody ask of himself; every other error as it is. */
export async function withRoles(error: unknown, connection: RolesOf, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof DeniedError)) {
    return error;
  }
  return new DeniedError(error.prefixes, connection.user, await connection.roles(signal));
}

function foundOf(
  prefixes: readonly string[],
  user: EtcdUser | null,
  roles: readonly string[] | null,
): string {
  const found = `permission denied for ${prefixes.join(', ') || '/'}`;
  if (user === null) {
    return found;
  }
  const named = roles?.map((role) => `"${visible(role)}"`).join(', ');
  const as = named === undefined ? '' : named === '' ? ' (without a role)' : ` (role ${named})`;
  return `${found} to the user "${visible(user.name)}"${as}`;
}

/** What would let him. etcd says no more than "permission denied" where there is no such user. */
function hintOf(prefixes: readonly string[], user: EtcdUser | null, roles: readonly string[] | null): string {
  const [only = 'ROLE', another] = roles ?? [];
  const role = another === undefined ? visible(only) : 'ROLE';
  const below = (prefix: string) => `${prefix.replace(/\/$/, '')}/`;
  const grant = (prefixes.length === 0 ? [''] : prefixes)
    .map((prefix) => `etcdctl role grant-permission ${role} read --prefix ${below(prefix)}`)
    .join(' && ');
  if (user === null) {
    return grant;
  }
  const name = visible(user.name);
  const who =
    user.from === 'username'
      ? `"etcdctl user get ${name}" names the roles`
      : `etcd takes the CN of tls.cert for the user; where "etcdctl user get ${name}" finds none: etcdctl user add ${name} --no-password && etcdctl user grant-role ${name} ROLE`;
  return `${grant} (${who})`;
}
