import { readToml, wordOf, wordsOf } from './read-toml.ts';

/** What `confd.toml`, or its flags, say of where keys come from. */
export interface ConfdSettings {
  readonly backend: string;
  readonly nodes: readonly string[];
  readonly scheme: string;
  readonly prefix: string;
  readonly srvDomain: string | undefined;
  readonly clientCert: string | undefined;
  readonly clientKey: string | undefined;
  readonly clientCa: string | undefined;
  readonly username: string | undefined;
  readonly files: readonly string[];
  readonly logLevel: string | undefined;
  readonly debounce: string | undefined;
  /** Names that mean nothing here; not their values, some of which are secret. */
  readonly others: readonly string[];
}

/** The flags of confd that `migrate` takes: they win over the file. */
export interface ConfdFlags {
  readonly backend?: string;
  readonly node?: readonly string[];
  readonly prefix?: string;
}

const KNOWN = new Set(
  'backend nodes scheme prefix srv_domain client_cert client_key client_cakeys username password basic_auth file log-level log_level confdir interval noop watch onetime sync-only debounce keep-stage-file'.split(
    ' ',
  ),
);

/** Reads `confd.toml`; `""` where there is none. Throws a `UsageError`. */
export function readConfdToml(text: string, flags: ConfdFlags): ConfdSettings {
  const table = readToml('confd.toml', text);
  const nodes = flags.node ?? [];
  return {
    backend: flags.backend ?? wordOf(table.backend) ?? 'etcd',
    nodes: nodes.length > 0 ? nodes : wordsOf(table.nodes),
    scheme: wordOf(table.scheme) ?? 'http',
    prefix: flags.prefix ?? wordOf(table.prefix) ?? '',
    srvDomain: wordOf(table.srv_domain),
    clientCert: wordOf(table.client_cert),
    clientKey: wordOf(table.client_key),
    clientCa: wordOf(table.client_cakeys),
    username: wordOf(table.username),
    files: wordsOf(table.file),
    logLevel: wordOf(table['log-level'] ?? table.log_level),
    debounce: wordOf(table.debounce),
    others: Object.keys(table).filter((name) => !KNOWN.has(name)),
  };
}
