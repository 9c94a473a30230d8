import { dirname, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { CONFIG_VARIABLE, environmentOverrides } from './environment.ts';
import { explain } from './explain.ts';
import { applyOverrides, flagOverrides, type RawSettings, resolvePaths } from './overrides.ts';
import { SETTING_KEYS, settingsSchema } from './schema.ts';
import type { Settings } from './settings.ts';
import { readSettingsFile, type SettingsFile } from './settings-file.ts';

/** Where the settings are looked for when nobody says. */
export const DEFAULT_CONFIG = '/etc/pointsman/pointsman.yaml';

export interface LoadOptions {
  /** Of `--config`; then `POINTSMAN_CONFIG`, then `DEFAULT_CONFIG`, which alone may be missing. */
  readonly configPath?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags by dotted path, as `--set haproxy.mode=none` gives them: `{ 'haproxy.mode': 'none' }`. */
  readonly overrides?: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** `optional` where the call brings its own source (`--from`). Default `required`. */
  readonly sources?: 'required' | 'optional';
}

/**
 * Reads and checks the settings: flags before environment before file before defaults. Relative paths of the
 * file are relative to its folder, those of flags and environment to `cwd`. Throws a `UsageError` that names
 * everything that does not fit at once: file and line, the key, what was found, what would fit.
 */
export async function loadSettings(options: LoadOptions): Promise<Settings> {
  const overrides = [...environmentOverrides(options.env), ...flagOverrides(options.overrides ?? {})];
  const file = await findFile(options);
  const raw = resolveIn(file);
  const origins = applyOverrides(raw, overrides, options.cwd);
  if (raw.sources === undefined && options.sources !== 'optional') {
    throw noSources(file, options.cwd);
  }

  const whereIs = (path: readonly PropertyKey[]) => originOf(path, origins) ?? lineOf(file, path);
  return { ...check(raw, whereIs), configFile: file?.path ?? null };
}

/** The path of the settings file of a call, whether or not it is there. */
export function settingsPath({ cwd, ...of }: Pick<LoadOptions, 'configPath' | 'env' | 'cwd'>): string {
  return resolve(cwd, namedFile(of) ?? DEFAULT_CONFIG);
}

function namedFile({ configPath, env }: Pick<LoadOptions, 'configPath' | 'env'>): string | undefined {
  return configPath ?? (env[CONFIG_VARIABLE] || undefined);
}

async function findFile(options: LoadOptions): Promise<SettingsFile | null> {
  const { cwd } = options;
  const named = namedFile(options);
  const file = await readSettingsFile(settingsPath(options));
  if (file === null && named !== undefined) {
    throw new UsageError(`reading ${resolve(cwd, named)}: there is no such file`, {
      hint: `Name the settings file with --config FILE or ${CONFIG_VARIABLE}; the default is ${DEFAULT_CONFIG}.`,
    });
  }
  return file;
}

function resolveIn(file: SettingsFile | null): RawSettings {
  if (file === null) {
    return {};
  }
  const resolved = resolvePaths(file.raw, dirname(file.path));
  return typeof resolved === 'object' && resolved !== null ? { ...resolved } : {};
}

function check(raw: RawSettings, whereIs: (path: readonly PropertyKey[]) => string) {
  const withoutSources = raw.sources === undefined;
  const result = withoutSources
    ? settingsSchema.omit({ sources: true }).safeParse(raw)
    : settingsSchema.safeParse(raw);
  if (!result.success) {
    const lines = explain(result.error.issues, { raw, keys: SETTING_KEYS, whereIs });
    const found =
      lines.length === 1 ? lines[0] : [`${lines.length} things do not fit`, ...lines].join('\n  ');
    throw new UsageError(`reading the settings: ${found}`, {
      hint: 'docs/settings.md describes every key, its default and its name in the environment.',
    });
  }
  return { sources: [], ...result.data };
}

function noSources(file: SettingsFile | null, cwd: string): UsageError {
  const found = file ? `${file.path} names no sources` : `there is no ${resolve(cwd, DEFAULT_CONFIG)}`;
  return new UsageError(`reading the settings: ${found}, and nothing else says where the keys are`, {
    hint: 'Write sources: [{ etcd: { endpoints: [http://127.0.0.1:2379] } }] there, set POINTSMAN_ETCD_ENDPOINTS, or name another file with --config FILE.',
  });
}

/** The variable or flag that set a key, something in it, or something around it. */
function originOf(path: readonly PropertyKey[], origins: ReadonlyMap<string, string>): string | null {
  const dotted = path.map(String).join('.');
  for (const [set, origin] of origins) {
    if (set === dotted || dotted.startsWith(`${set}.`)) {
      return origin;
    }
  }
  return null;
}

function lineOf(file: SettingsFile | null, path: readonly PropertyKey[]): string {
  return file === null ? 'settings' : `${file.path}:${file.lineOf(path)}`;
}
