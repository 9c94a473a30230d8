/** What went wrong at one endpoint, for people. Holds no secret. */
export interface Explained {
  readonly found: string;
  readonly hint?: string | undefined;
}

/** What a text of grpc or etcd means. */
export interface Rule extends Explained {
  readonly when: RegExp;
}

const QUORUM = 'is a majority of its members up? "etcdctl endpoint status --cluster" shows them';

/** What etcd itself answers: it is there, and it is etcd, so no cure is about how to get to it (etcd, rpctypes/error.go). */
const ANSWERS: readonly Rule[] = [
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
    when: /invalid auth token|revision of auth store is old/,
    found: 'etcd no longer accepts our token (its users were changed)',
    hint: 'this heals by itself with the next try',
  },
  {
    when: /not supported for learner/,
    found: 'it is a learner, which answers no reads',
    hint: 'name the voting members in "endpoints", or promote it: etcdctl member promote ID',
  },
  {
    when: /no leader|unhealthy cluster/,
    found: 'etcd has no leader at the moment',
    hint: QUORUM,
  },
  {
    when: /leader changed|not leader|previous leader failure/,
    found: 'etcd changes its leader',
    hint: `this heals by itself; where it goes on: ${QUORUM}`,
  },
  {
    when: /request timed out/,
    found: 'etcd got no answer of its quorum in time',
    hint: `${QUORUM}; slow disks delay it too`,
  },
  {
    when: /too many requests/,
    found: 'etcd has too many requests to answer',
    hint: 'this heals by itself; where it goes on, find out who asks so much, or how slow its disk is',
  },
  {
    when: /server (?:is )?stopped|stopping/,
    found: 'etcd is stopping there',
    hint: 'start it again, or name other members in "endpoints"',
  },
  {
    when: /database space exceeded|NOSPACE/,
    found: 'etcd is out of space (alarm NOSPACE)',
    hint: 'etcdctl compact REVISION, etcdctl defrag, then etcdctl alarm disarm; or raise --quota-backend-bytes',
  },
  {
    when: /corrupt/i,
    found: 'etcd has found its data corrupt',
    hint: '"etcdctl alarm list" shows the member: remove it and add it anew with an empty data directory',
  },
];

/** What grpc says of the way to a server, or of a server that is no etcd. */
const WAYS: readonly Rule[] = [
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
    when: /HTTP status code \d+|UNIMPLEMENTED|unknown service|Protocol error/i,
    found: 'something that is no etcd v3 answers there',
    hint: 'is this the client port of etcd (2379), or a proxy that does not pass gRPC on?',
  },
  {
    when: /CANCELLED|context (?:deadline exceeded|canceled)|no available connection|transport is closing/,
    found: 'it gets no answer of an etcd behind it',
    hint: 'is the etcd up that this proxy asks?',
  },
  {
    when: /DEADLINE_EXCEEDED.*remote_addr/i,
    found: 'no answer within 2 s',
    hint: 'it takes connections: has etcd a quorum, is its host or a proxy before it frozen?',
  },
  {
    when: /DEADLINE_EXCEEDED|Deadline exceeded|no answer/i,
    found: 'no answer within 2 s',
    hint: 'is the host up, does a firewall drop the packets, has etcd a quorum?',
  },
];

/** What a text means, or null. */
export function ruleFor(text: string): Explained | null {
  const rules = text.includes('etcdserver') || text.includes('auth: ') ? [...ANSWERS, ...WAYS] : WAYS;
  return rules.find(({ when }) => when.test(text)) ?? null;
}
