import { UsageError } from '../errors.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import type { CommonFlags, Io } from './io.ts';

/** Loads the settings of a call: its flags, the environment, the settings file. Throws a `UsageError`. */
export async function settingsOf(
  io: Io,
  flags: CommonFlags,
  sources: 'required' | 'optional' = 'required',
): Promise<Settings> {
  const level = flags.logLevel === undefined ? {} : { 'log.level': flags.logLevel };
  const settings = await loadSettings({
    ...(flags.config === undefined ? {} : { configPath: flags.config }),
    env: io.env,
    cwd: io.cwd,
    overrides: { ...Object.fromEntries(flags.set.map(assignment)), ...level },
    sources,
  });
  io.hide(secretsOf(settings, io.env));
  return settings;
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) {
    return [text.slice(0, at), text.slice(at + 1)];
  }
  throw new UsageError(`reading --set ${text}: expected key=value`, {
    hint: 'For example --set haproxy.mode=none; docs/settings.md lists the keys.',
  });
}
