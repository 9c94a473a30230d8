/** What is known of a keyword of a `server` line. */
export interface ServerKeyword {
  /** How many words follow it. */
  readonly values: 0 | 1;
  /** The first branch (206 is 2.6) whose `add server` may be given it; `never` where none takes it. */
  readonly since: number | 'never';
  /** Takes this keyword back, and is nothing but the default where nothing is to be taken back. */
  readonly undoes?: string;
  /** Says something of names that are looked up, and nothing where the address is a literal one. */
  readonly aboutNames?: true;
}

const known = new Map<string, ServerKeyword>();

function know(keywords: string, keyword: ServerKeyword): void {
  for (const name of keywords.split(' ')) {
    known.set(name, keyword);
  }
}

// From the tables `srv_kws` of HAProxy (server.c, check.c, cfgparse-ssl.c, cfgparse-tcp.c; columns `skip` and
// `dynamic_ok`) and from trying. Keywords that are left out on purpose go by a reload: `track` and `agent-*` (what
// they make of a server depends on others), `source` and `set-proxy-v2-tlv-fmt` (no fixed number of words, or
// several of them).
know('check check-send-proxy backup disabled send-proxy send-proxy-v2 tfo', { values: 0, since: 206 });
know('ssl check-ssl allow-0rtt no-ssl-reuse no-tls-tickets send-proxy-v2-ssl send-proxy-v2-ssl-cn', {
  values: 0,
  since: 206,
});
for (const version of ['sslv3', 'tlsv10', 'tlsv11', 'tlsv12', 'tlsv13']) {
  know(`force-${version} no-${version}`, { values: 0, since: 206 });
}
know('inter fastinter downinter rise fall port addr', { values: 1, since: 206 });
know('weight maxconn minconn maxqueue slowstart id', { values: 1, since: 206 });
know('observe error-limit on-error on-marked-down on-marked-up', { values: 1, since: 206 });
know('pool-low-conn pool-max-conn pool-purge-delay', { values: 1, since: 206 });
know('verify verifyhost sni check-sni check-alpn ca-file crl-file crt', { values: 1, since: 206 });
know('ciphers ciphersuites ssl-min-ver ssl-max-ver proxy-v2-options', { values: 1, since: 206 });
// Before 3.0 a dynamic server allows one stream for each connection of h2 (max-reuse is 0).
know('proto alpn ws check-proto', { values: 1, since: 300 });
know('cookie guid hash-key pool-conn-name curves sigalgs client-sigalgs', { values: 1, since: 300 });
know('init-state idle-ping check-pool-conn-name', { values: 1, since: 302 });
know('strict-maxconn check-reuse-pool', { values: 0, since: 302 });
know('no-sni-auto no-check-sni-auto renegotiate no-renegotiate', { values: 0, since: 304 });
know('healthcheck ktls', { values: 1, since: 304 });

know('enabled', { values: 0, since: 'never', undoes: 'disabled' });
for (const name of ['check', 'backup', 'send-proxy', 'send-proxy-v2', 'tfo', 'ssl', 'check-send-proxy']) {
  know(`no-${name}`, { values: 0, since: 'never', undoes: name });
}
know('ssl-reuse', { values: 0, since: 'never', undoes: 'no-ssl-reuse' });
know('tls-tickets', { values: 0, since: 'never', undoes: 'no-tls-tickets' });
know('stick', { values: 0, since: 'never', undoes: 'non-stick' });

know('resolvers resolve-prefer resolve-net resolve-opts init-addr', {
  values: 1,
  since: 'never',
  aboutNames: true,
});
know('non-stick no-check-ssl', { values: 0, since: 'never' });
know('redir namespace log-proto max-reuse socks4 track tcp-ut log-bufsize shard npn', {
  values: 1,
  since: 'never',
});
know('agent-addr agent-inter agent-port agent-send', { values: 1, since: 'never' });
know('agent-check check-via-socks4', { values: 0, since: 'never' });

/** What is known of a keyword of `server` and `default-server`; undefined where nothing is. */
export function serverKeyword(name: string): ServerKeyword | undefined {
  return known.get(name);
}

/** All keywords that are known, for tests against real HAProxys. */
export function serverKeywordNames(): string[] {
  return [...known.keys()];
}
