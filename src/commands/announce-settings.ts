import type { EtcdAccess } from '../announce/etcd-link.ts';
import { UsageError } from '../errors.ts';
import { loadSettings } from '../settings/load-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { membersOf } from '../sources/etcd-srv.ts';
import { parseTimeout } from './bounded.ts';
import { type CommonFlags, type Io, overridesOf } from './io.ts';

/** The flags of `announce`: each is the setting of its name. */
export interface AnnounceFlags extends CommonFlags {
  /** URLs of etcd by comma: `etcd.endpoints`. */
  readonly etcd?: string;
  readonly service?: string;
  readonly instance?: string;
  readonly port?: string;
  readonly host?: string;
  readonly interface?: string;
  readonly weight?: string;
  readonly tags?: string;
  readonly meta: readonly string[];
  readonly owner?: string;
  readonly ttl?: string;
  readonly check?: string;
  readonly rise?: string;
  readonly fall?: string;
  readonly interval?: string;
  readonly drain?: string;
  readonly adopt?: true;
  readonly exec?: true;
  readonly listen?: string;
  readonly once?: true;
  readonly timeout?: string;
  readonly container?: string;
  readonly containerPort?: string;
  readonly engine?: string;
  readonly all?: true;
  readonly registratorLabels?: true;
  readonly leave?: true;
}

/** The settings of a call of `announce`: its flags with the program that follows `--exec`, the environment, the settings file. Throws a `UsageError`. */
export async function announceSettings(
  io: Io,
  flags: AnnounceFlags,
  command: readonly string[],
): Promise<Settings> {
  const { config, set, logLevel, etcd, meta, exec = false, ...plain } = flags;
  if (plain.timeout !== undefined) {
    // In the words of every other verb.
    parseTimeout(plain.timeout);
  }
  if (exec !== command.length > 0) {
    const [first = ''] = command;
    throw new UsageError(
      exec ? 'reading --exec: no program follows it' : `reading "${first}": it belongs to no flag`,
      {
        hint: 'For example: pointsman announce --service web --port 8080 --exec node server.js.',
      },
    );
  }
  const own = Object.entries(plain).map(([name, value]) => [`announce.${name}`, String(value)]);
  return loadSettings({
    ...(config === undefined ? {} : { configPath: config }),
    env: io.env,
    cwd: io.cwd,
    overrides: {
      ...overridesOf({ set, ...(logLevel === undefined ? {} : { logLevel }) }),
      ...Object.fromEntries(own),
      ...(etcd === undefined ? {} : { 'etcd.endpoints': etcd }),
      ...(meta.length === 0 ? {} : { 'announce.meta': JSON.stringify(meta) }),
      ...(exec ? { 'announce.exec': JSON.stringify(command) } : {}),
    },
  });
}

/** The first etcd of the sources, which is where it registers. Throws a `UsageError` where there is none. */
export function etcdAccess(settings: Settings, env: Io['env']): EtcdAccess {
  const source = settings.sources.find((one) => one.kind === 'etcd');
  if (source === undefined) {
    throw new UsageError('announcing: the sources of the settings name no etcd', {
      hint: 'Name it with --etcd http://10.0.0.1:2379, POINTSMAN_ETCD_ENDPOINTS, or in sources of the settings file.',
    });
  }
  const { kind: _, optional: __, ...access } = source;
  const noProxy = [env.no_grpc_proxy, env.no_proxy, env.NO_PROXY].find((one) => one) ?? '';
  return { ...access, ...membersOf(source), noProxy };
}
