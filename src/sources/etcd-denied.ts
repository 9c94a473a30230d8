import { X509Certificate } from 'node:crypto';
import { SourceError } from '../errors.ts';
import { visible } from '../model/visible.ts';
import type { KeyRange } from './key-ranges.ts';

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

/** What etcd does not let a user do, and what would. etcd says no more than "permission denied" where there is no such user. */
export function denied({ prefix }: Pick<KeyRange, 'prefix'>, user: EtcdUser | null): SourceError {
  const grant = `etcdctl role grant-permission ROLE read --prefix ${prefix}/`;
  const found = `permission denied for ${prefix === '' ? '/' : prefix}`;
  if (user === null) {
    return new SourceError(found, { hint: grant });
  }
  const name = visible(user.name);
  const who =
    user.from === 'username'
      ? `"etcdctl user get ${name}" names the roles`
      : `etcd takes the CN of tls.cert for the user; where "etcdctl user get ${name}" finds none: etcdctl user add ${name} --no-password && etcdctl user grant-role ${name} ROLE`;
  return new SourceError(`${found} to the user "${name}"`, { hint: `${grant} (${who})` });
}
