import { buffer } from 'node:stream/consumers';
import type { Limits } from '../model/limits.ts';
import type { Source } from '../ports/source.ts';
import type { Ec2Options } from './ec2-options.ts';
import { ec2Source } from './ec2-source.ts';
import type { EtcdSourceOptions } from './etcd-options.ts';
import { etcdSource } from './etcd-source.ts';
import { membersOf } from './etcd-srv.ts';
import { fileSource } from './file-source.ts';
import { heard } from './heard.ts';
import { limited } from './limited.ts';
import { textSource } from './text-source.ts';
import type { TreeShape } from './tree-shape.ts';

/** One entry of `sources` in the settings, checked, with absolute paths. */
export type SourceConfig =
  | ({ readonly kind: 'etcd' } & Pick<
      EtcdSourceOptions,
      'endpoints' | 'srv' | 'tls' | 'username' | 'passwordFile' | 'proxy'
    > & { readonly nameservers?: readonly string[] })
  | { readonly kind: 'file'; readonly path: string }
  | ({ readonly kind: 'ec2' } & Ec2Options);
/** Of any kind: whether a start may do without it where nothing is known of it. @default false */
export interface SourceRank {
  readonly optional?: boolean;
}

export interface SourcesSettings {
  readonly sources: readonly (SourceConfig & SourceRank)[];
  /** Of each source by itself. @default none */
  readonly limits?: Limits;
  readonly prefixes: {
    readonly services: readonly string[];
    readonly routes: readonly string[];
    readonly keys: readonly string[];
  };
}

/** Where keys come from for one call: the settings' sources, or `--from FILE|DIR|-` instead of them. */
export interface SourceChoice {
  /** A path, or `-` for `stdin`, which is read once and to its end. */
  readonly from?: string;
  /** @default process.stdin */
  readonly stdin?: NodeJS.ReadableStream;
  /** Says which hosts are not asked through the proxy that it names. @default {} */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The sources of a call, in the order of the settings; nothing is opened or read before they are asked. */
export function openSources(
  settings: SourcesSettings,
  { from, stdin, env = {} }: SourceChoice = {},
): Source[] {
  const { limits } = settings;
  const { services, routes, keys } = settings.prefixes;
  const shape = { services, routes };
  const within = (source: Source, index: number) => (limits ? limited(source, { index, limits }) : source);
  if (from === '-') {
    const readText = () => buffer(stdin ?? process.stdin);
    return [within(textSource({ name: 'standard input', shape, readText }), 0)];
  }
  if (from !== undefined) {
    return [within(fileSource({ path: from, shape, index: 0 }), 0)];
  }
  const noProxy = [env.no_grpc_proxy, env.no_proxy, env.NO_PROXY].find((one) => one) ?? '';
  const prefixes = [...services, ...routes, ...keys];
  return settings.sources.map((config, index) => {
    const source = openSource(config, { noProxy, prefixes, shape, index, limits });
    return heard({ ...within(source, index), optional: config.optional ?? false }, index);
  });
}

interface Around {
  readonly noProxy: string;
  readonly prefixes: readonly string[];
  readonly shape: TreeShape;
  readonly index: number;
  readonly limits: Limits | undefined;
}

function openSource(config: SourceConfig, { noProxy, prefixes, shape, index, limits }: Around): Source {
  switch (config.kind) {
    case 'etcd':
      return etcdSource({
        ...config,
        ...membersOf(config),
        noProxy,
        prefixes,
        index,
        ...(limits ? { limits } : {}),
      });
    case 'file':
      return fileSource({ path: config.path, shape, index });
    case 'ec2':
      return ec2Source({ ...config, prefix: shape.services[0] ?? '/services', index });
    default:
      return config satisfies never;
  }
}
