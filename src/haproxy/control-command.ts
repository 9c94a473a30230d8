import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../reconcile/interfaces.ts';
import { downBySocket } from './down-servers.ts';
import { awaitWorker, seeWorker } from './reload-by-socket.ts';
import { Serial } from './serial.ts';
import { stateBySocket, unseen, usedSocket } from './state-by-socket.ts';
import { watchState } from './watch-state.ts';

/** What mode `command` needs of the settings. */
export interface CommandSettings {
  /** Program and arguments; `{config}` becomes the path of the file. No shell. */
  readonly reloadCommand: readonly string[];
  /** Null or empty for none: then the exit code is all there is. */
  readonly statsSocket: string | null;
  /** The file that is published. */
  readonly configPath: string;
  /** Milliseconds for the command. @default 60 s */
  readonly timeout?: number;
  /**
   * Milliseconds in which the new worker has to answer. Longer than the slowest load: the command is run once more
   * after it, and a load that fails over a taken port refuses connections for 2 s each time. @default 6 s
   */
  readonly patience?: number;
}

/** Controls a HAProxy that somebody else runs, through a command like `systemctl reload haproxy`. */
export function controlByCommand(settings: CommandSettings): HaproxyControl {
  const serial = new Serial();
  const state = async (signal: AbortSignal): Promise<HaproxyState> => {
    const used = await usedSocket(settings.statsSocket, settings.configPath);
    if (!used.runtime) return unseen(null, used.why);
    const cause = `nobody answers on the stats socket ${settings.statsSocket}. Start HAProxy, or correct haproxy.statsSocket.`;
    return (await stateBySocket(used.runtime, signal)) ?? { kind: 'away', cause };
  };
  return {
    state,
    reload: (mark, signal) => serial.run(() => commandReload(settings, mark, signal)),
    watch: (signal) => watchState({ state, idle: () => serial.idle() }, signal),
    downServers: async (signal) =>
      downBySocket((await usedSocket(settings.statsSocket, settings.configPath)).runtime, signal),
    [Symbol.asyncDispose]: () => serial.idle(),
  };
}

/**
 * The command runs also where nobody answers: HAProxy may run an older text without the socket, or the
 * command may start it.
 */
async function commandReload(
  settings: CommandSettings,
  mark: string,
  signal: AbortSignal,
): Promise<ReloadOutcome> {
  const { runtime } = await usedSocket(settings.statsSocket, settings.configPath);
  const before = runtime === null ? null : await seeWorker(runtime, signal);
  for (let tries = 1; tries <= 2; tries += 1) {
    const ran = await runCommand(settings, signal);
    if (ran.kind === 'failed') return { kind: 'failed', message: ran.message };
    if (runtime === null) return { kind: 'unverified', log: ran.log };
    const patience = before === null ? 3000 : (settings.patience ?? 6000);
    const pid = await awaitWorker({ runtime, mark, before: before?.pid ?? null, patience }, signal);
    if (pid !== null) return { kind: 'verified', pid, tries, log: ran.log };
    if (before === null && (await seeWorker(runtime, signal)) === null)
      return { kind: 'unverified', log: ran.log };
  }
  const now = runtime === null ? null : await seeWorker(runtime, signal);
  const runs =
    now === null ? 'nobody answers on the stats socket' : `worker ${now.pid} runs mark ${now.mark ?? 'none'}`;
  return {
    kind: 'failed',
    message: `loading ${settings.configPath}: "${settings.reloadCommand.join(' ')}" said yes, but ${runs}, not ${mark}; HAProxy's own log says why`,
  };
}

type Ran =
  | { readonly kind: 'ran'; readonly log: string }
  | { readonly kind: 'failed'; readonly message: string };

async function runCommand(settings: CommandSettings, signal: AbortSignal): Promise<Ran> {
  const words = settings.reloadCommand.map((word) => word.replaceAll('{config}', settings.configPath));
  const [program = '', ...args] = words;
  const timeout = settings.timeout ?? 60_000;
  // Only in this mode: it takes 12 MB.
  const { execa } = await import('execa');
  const result = await execa(program, args, {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout,
    cancelSignal: signal,
    forceKillAfterDelay: 1000,
  });
  signal.throwIfAborted();
  const log = (result.all ?? '').trim();
  if (result.exitCode === 0) return { kind: 'ran', log };
  const what = `running "${words.join(' ')}"`;
  if (result.timedOut)
    return { kind: 'failed', message: `${what}: not done in ${timeout / 1000} s. ${log}`.trim() };
  if (result.code === 'ENOENT' || result.code === 'EACCES') {
    const found = result.code === 'ENOENT' ? 'is not there' : 'may not be executed';
    return { kind: 'failed', message: `${what}: ${program} ${found}. Correct haproxy.reloadCommand.` };
  }
  const how =
    result.exitCode === undefined
      ? `ended by ${result.signal ?? 'a signal'}`
      : `exit code ${result.exitCode}`;
  return { kind: 'failed', message: `${what}: ${how}. ${log}`.trim() };
}
