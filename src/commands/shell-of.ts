import type { Emit } from '../events.ts';
import { createJudge } from '../haproxy/check.ts';
import { createConfigFile } from '../haproxy/config-file.ts';
import { createControl } from '../haproxy/control.ts';
import { resolveAccess } from '../haproxy/file-owner.ts';
import { haproxyVersion } from '../haproxy/version.ts';
import type { ConfigFile, HaproxyControl, Judge } from '../reconcile/interfaces.ts';
import type { Settings } from '../settings/settings.ts';

/** HAProxy and its file, as the settings say. */
export interface Shell {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
}

/** Opens nothing yet but finds owner and group. Throws a `SystemError` where they do not exist. */
export async function shellOf(settings: Settings, emit: Emit): Promise<Shell> {
  const { output, haproxy, stateDir } = settings;
  const { mode, owner, group } = output;
  const access = await resolveAccess({
    mode,
    ...(owner === null ? {} : { owner }),
    ...(group === null ? {} : { group }),
  });
  const file = createConfigFile({ path: output.path, access, keep: output.keep, stateDir });
  const { checkCommand, checkTimeout } = haproxy;
  const judge = createJudge({ path: output.path, access, checkCommand, checkTimeout });
  const { reloadCommand, ...rest } = haproxy;
  const control = createControl({
    ...rest,
    ...(reloadCommand === undefined ? {} : { reloadCommand }),
    configPath: output.path,
    onLine: (line) => emit({ kind: 'haproxy-log', line }),
  });
  return { judge, file, haproxy: control };
}

/** The version of the settings' HAProxy for templates (`2.6.12`), or `''` where there is none on this machine. */
export async function versionOf(settings: Settings, signal: AbortSignal): Promise<string> {
  const found = await haproxyVersion(settings.haproxy.binary, signal).catch(() => null);
  return found === null ? '' : (/^\d+(\.\d+)*/.exec(found.full)?.[0] ?? '');
}
