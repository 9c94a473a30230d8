import { UsageError } from '../errors.ts';
import { nearestNames } from '../model/nearest-names.ts';
import type { Override } from './overrides.ts';
import { SETTING_KEYS } from './schema.ts';
import { isServiceLink } from './service-links.ts';

const PREFIX = 'POINTSMAN_';
const VARS = 'POINTSMAN_VARS_';
/** The variable that names the settings file. */
export const CONFIG_VARIABLE = 'POINTSMAN_CONFIG';

/**
 * The environment's name of a key: `haproxy.masterSocket` is `POINTSMAN_HAPROXY_MASTER_SOCKET`, keys of the
 * first etcd source are `POINTSMAN_ETCD_…`, and `vars` is `POINTSMAN_VARS_<NAME>`. Null where there is none.
 */
export function environmentName(path: string): string | null {
  if (path === 'vars') {
    return `${VARS}<NAME>`;
  }
  const plain = path.replace(/^sources\[\]\.etcd\./, 'etcd.');
  if (plain.includes('[]')) {
    return null;
  }
  return (
    PREFIX +
    plain
      .replace(/\./g, '_')
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toUpperCase()
  );
}

const PATHS: ReadonlyMap<string, string> = new Map(
  SETTING_KEYS.flatMap((key) => {
    const name = key.kind === 'free' ? null : environmentName(key.path);
    return name === null ? [] : [[name, key.path.replace(/^sources\[\]\./, '')] as const];
  }),
);

/**
 * The settings that the environment names. Empty variables count as absent, what an orchestrator wrote for a service of
 * our name is passed over; unknown ones are an error, all at once.
 */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): Override[] {
  const given = Object.entries(env).filter(([name]) => name.startsWith(PREFIX) && name !== CONFIG_VARIABLE);
  const unknown = given
    .filter(([name, value = '']) => pathOf(name) === null && !isServiceLink([name, value], env))
    .map(([name]) => describe(name));
  if (unknown.length > 0) {
    throw new UsageError(`reading the environment: ${unknown.join('; ')}`, {
      hint: 'docs/settings.md lists the name of every setting in the environment.',
    });
  }
  return given.flatMap(([name, value]) => {
    const path = pathOf(name);
    return path === null || value === undefined || value === '' ? [] : [{ path, origin: name, value }];
  });
}

function pathOf(name: string): string | null {
  const known = PATHS.get(name);
  if (known !== undefined) {
    return known;
  }
  const own = name.startsWith(VARS) ? name.slice(VARS.length) : '';
  return /^[A-Z][A-Z0-9_]*$/.test(own) ? `vars.${camelCase(own)}` : null;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function describe(name: string): string {
  const [near = null] = nearestNames(name, PATHS.keys());
  return `${name} is no setting${near === null ? '' : `; did you mean ${near}?`}`;
}
