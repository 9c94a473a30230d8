import type { ConfdSettings } from './read-confd-toml.ts';

/** The source of keys as lines of YAML, and what is to be known of it. */
export interface SourceLines {
  readonly lines: readonly string[];
  readonly became: string;
  /** What somebody has to look at. */
  readonly marks: readonly string[];
}

/** What confd's backend becomes. */
export function sourceOf(confd: ConfdSettings): SourceLines {
  switch (confd.backend) {
    case 'etcd':
    case 'etcdv3':
      return etcdSource(confd);
    case 'file':
      return {
        lines: (confd.files.length > 0 ? confd.files : ['./keys.yaml']).map(
          (file) => `  - file: { path: ${JSON.stringify(file)} }`,
        ),
        became: '`sources[].file`',
        marks:
          confd.files.length > 0 ? [] : ['the backend `file` names no file: `./keys.yaml` stands in for it'],
      };
    default:
      return {
        lines: ['  - file: { path: ./keys.yaml }'],
        became: '`sources: [{ file: … }]`, which stands in for it',
        marks: [
          `keys come from \`${confd.backend}\`, which Pointsman does not read: they have to be in etcd, or in files`,
        ],
      };
  }
}

function etcdSource(confd: ConfdSettings): SourceLines {
  const endpoints = confd.nodes.map((node) => endpointOf(node, confd.scheme));
  const marks: string[] = [];
  const lines = ['  - etcd:'];
  if (confd.srvDomain !== undefined && confd.nodes.length === 0) {
    lines.push(`      srv: ${JSON.stringify(confd.srvDomain)}`);
  } else {
    lines.push(
      `      endpoints: [${(endpoints.length > 0 ? endpoints : ['http://127.0.0.1:2379']).map((url) => (url.includes('[') ? JSON.stringify(url) : url)).join(', ')}]`,
    );
    if (endpoints.length === 0) {
      marks.push('no node was named: `http://127.0.0.1:2379` is a guess');
    }
  }
  for (const wrong of endpoints.filter((url) => !ENDPOINT.test(url))) {
    marks.push(`${wrong} is no URL that Pointsman takes: write it as http://host:port, without a user`);
  }
  if (confd.backend === 'etcd') {
    marks.push(
      "confd's backend `etcd` read the v2 keys of etcd; Pointsman reads those of v3, which are others: `etcdctl migrate` or whoever writes them has to move them",
    );
  }
  const tls = [
    ['ca', confd.clientCa],
    ['cert', confd.clientCert],
    ['key', confd.clientKey],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${JSON.stringify(value)}`]));
  if (tls.length > 0 && endpoints.every((url) => url.startsWith('https://'))) {
    lines.push(`      tls: { ${tls.join(', ')} }`);
  } else if (tls.length > 0) {
    marks.push(
      `certificates are named, but not every node begins with https://: add \`tls: { ${tls.join(', ')} }\` when they do`,
    );
  }
  if (confd.username !== undefined) {
    lines.push(`      username: ${JSON.stringify(confd.username)}`, '      passwordFile: ./etcd-password');
    marks.push('the password is not copied: write it to `etcd-password` beside the settings (mode 0600)');
  }
  return { lines, became: '`sources[].etcd`', marks };
}

const ENDPOINT = /^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;

/** With a scheme and a port, as the settings want them; without a path. */
function endpointOf(node: string, scheme: string): string {
  const url = /^[a-z]+:\/\//.test(node) ? node : `${scheme}://${node}`;
  const bare = /^[a-z]+:\/\/[^/?#]*/.exec(url)?.[0] ?? url;
  return /:\d+$/.test(bare.replace(/^[a-z]+:\/\//, '')) ? bare : `${bare}:2379`;
}
