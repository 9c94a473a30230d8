import { SourceError } from '../errors.ts';
import type { EtcdSourceOptions } from './etcd-options.ts';

/** What went wrong at one endpoint, for people. Holds no secret. */
export interface Explained {
  readonly found: string;
  readonly hint?: string;
}

interface Rule extends Explained {
  readonly when: RegExp;
}

const RULES: readonly Rule[] = [
  {
    when: /ECONNREFUSED/,
    found: 'connection refused',
    hint: 'is etcd running there, and is this its client port?',
  },
  {
    when: /ENOTFOUND|EAI_AGAIN|Name resolution failed/,
    found: 'the host name cannot be resolved',
    hint: 'correct the name in "endpoints", or use the address',
  },
  {
    when: /EHOSTUNREACH|ENETUNREACH/,
    found: 'no route to the host',
    hint: 'is the address right, and the network up?',
  },
  {
    when: /self.signed certificate|unable to (verify|get (local )?issuer)|UNABLE_TO_VERIFY|SELF_SIGNED/i,
    found: 'its certificate is signed by a CA that is not trusted here',
    hint: "set tls.ca to the file of the CA that signed the etcd servers' certificates",
  },
  {
    when: /altnames|ERR_TLS_CERT_ALTNAME_INVALID/i,
    found: 'its certificate is not made out for this name or address',
    hint: 'use a name in "endpoints" that the certificate holds, or add this one to the certificate',
  },
  {
    when: /certificate has expired|CERT_HAS_EXPIRED/i,
    found: 'its certificate has expired',
    hint: "renew the etcd servers' certificate",
  },
  {
    when: /wrong version number|packet length too long|EPROTO(?!.*alert)/i,
    found: 'it does not speak TLS on this port',
    hint: 'write http:// in "endpoints", or turn TLS on in etcd',
  },
  {
    when: /alert|bad certificate|certificate required|handshake failure/i,
    found: 'it refused the client certificate, or there was none',
    hint: 'set tls.cert and tls.key to a client certificate that etcd trusts (--trusted-ca-file)',
  },
  {
    when: /invalid user ID or password/,
    found: 'the user name or the password is wrong',
    hint: 'check username and passwordFile; "etcdctl user list" shows the users',
  },
  {
    when: /user name is empty|user name not found/,
    found: 'etcd asks for a user name and password',
    hint: 'set username and passwordFile of the etcd source',
  },
  {
    when: /invalid auth token/,
    found: 'etcd no longer accepts our token (its users were changed)',
    hint: 'this heals by itself with the next try',
  },
  {
    when: /DEADLINE_EXCEEDED|Deadline exceeded|no answer/i,
    found: 'no answer within 2 s',
    hint: 'is the host up, does a firewall drop the packets, has etcd a quorum?',
  },
  {
    when: /no leader|leader changed|too many requests|request timed out/,
    found: 'etcd has no leader at the moment',
    hint: 'is a majority of its members up? "etcdctl endpoint status --cluster" shows them',
  },
];

/** Says what an error of `endpoint` means. */
export function explainEtcdError(error: unknown, endpoint: string, options: EtcdSourceOptions): Explained {
  if (error instanceof SourceError) {
    return { found: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
  const text = withoutSecret(error instanceof Error ? error.message : String(error), options);
  const rule = RULES.find(({ when }) => when.test(text));
  if (rule) return rule;
  if (/ECONNRESET|socket hang up|Connection dropped|GOAWAY|closed|UNAVAILABLE/i.test(text)) {
    return {
      found: 'it closed the connection',
      hint: endpoint.startsWith('http:')
        ? 'if etcd serves TLS on this port, write https:// in "endpoints"'
        : 'if etcd serves no TLS on this port, write http:// in "endpoints"; if it asks for a client certificate, set tls.cert and tls.key',
    };
  }
  return { found: text };
}

/** The error for people when none of the endpoints helped: names each with what was found there. */
export function etcdError(
  failures: ReadonlyMap<string, Explained>,
  doing: string,
  cause?: unknown,
): SourceError {
  const parts = [...failures].map(([endpoint, { found }]) => `${endpoint}: ${found}`);
  const hint = [...failures.values()].find((failure) => failure.hint !== undefined)?.hint;
  return new SourceError(`${doing}: ${parts.join('; ')}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

function withoutSecret(text: string, { password }: EtcdSourceOptions): string {
  return password === undefined || password === '' ? text : text.replaceAll(password, '***');
}
