import path from 'node:path';
import type { Emit } from '../events.ts';
import { haproxyVersion } from '../haproxy/version.ts';
import { otherBranch, plainVersion } from '../plan/haproxy-branch.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Settings } from '../settings/settings.ts';

/** Milliseconds that a single command waits for what HAProxy says of itself. */
const PATIENCE = 2000;

/** What judges configurations, by `-v`: `haproxy.checkCommand` up to its `-c`. Null where a script hides it. */
export function judgeCommand({ haproxy }: Pick<Settings, 'haproxy'>): readonly [string, ...string[]] | null {
  const [program, ...args] = haproxy.checkCommand.slice(0, Math.max(0, haproxy.checkCommand.indexOf('-c')));
  if (program === undefined) {
    return null;
  }
  const last = args.at(-1) ?? program;
  return last === haproxy.binary || path.basename(last) === 'haproxy' ? [program, ...args] : null;
}

/** The full version of the HAProxy that judges; null where that is not known. Never rejects. */
export async function judgeVersion(
  settings: Pick<Settings, 'haproxy'>,
  signal: AbortSignal,
): Promise<string | null> {
  const command = judgeCommand(settings);
  const found = command && (await haproxyVersion(command, signal).catch(() => null));
  return found?.full ?? null;
}

/**
 * `haproxy.version` of templates before HAProxy was asked (`2.6.12`): the judge's, or else that of `haproxy.binary`. `''`
 * where there is none on this machine.
 */
export async function versionAtFirst(
  settings: Pick<Settings, 'haproxy'>,
  signal: AbortSignal,
): Promise<string> {
  const command = judgeCommand(settings) ?? ([settings.haproxy.binary] as const);
  const found = await haproxyVersion(command, signal).catch(() => null);
  return found === null ? '' : plainVersion(found.full);
}

/** `haproxy.version` of templates as the daemon has it: that of the HAProxy that runs, where one answers. */
export async function templateVersion(
  settings: Pick<Settings, 'haproxy'>,
  control: Pick<HaproxyControl, 'state'>,
  signal: AbortSignal,
): Promise<string> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const state = await control.state(inTime).catch(() => null);
  signal.throwIfAborted();
  const running = state?.kind === 'running' && state.version !== null ? plainVersion(state.version) : '';
  return running === '' ? versionAtFirst(settings, signal) : running;
}

/**
 * A listener that tells which HAProxy judges (`judged-by`): at the start, and whenever another version runs than before,
 * since both may have been upgraded. `judge` gives the full version of the one that judges, now.
 */
export function watchBranches(judge: () => Promise<string | null>, emit: Emit): Emit {
  let running: string | null = null;
  const tell = async () => {
    const version = await judge();
    emit({ kind: 'judged-by', version, trouble: otherBranch(running, version) });
  };
  return (event) => {
    if (event.kind === 'starting') {
      void tell();
    }
    if (event.kind !== 'haproxy-appeared' && event.kind !== 'haproxy-changed') {
      return;
    }
    const version = event.state.kind === 'running' ? event.state.version : null;
    if (version === null || version === running) {
      return;
    }
    running = version;
    void tell();
  };
}
