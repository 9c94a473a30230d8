import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';
import { lastLines, type Ran, runProgram, whyNotRun } from '../system/run-program.ts';
import { controlForeign } from './control-foreign.ts';
import type { ControlSettings } from './control-settings.ts';
import { awaitWorker, seeWorker, usedSocket } from './stats-socket.ts';

/** What mode `command` needs. */
export interface CommandSettings
  extends Pick<ControlSettings, 'configPath' | 'statsSocket' | 'timeout' | 'patience' | 'around'> {
  readonly reloadCommand: readonly string[];
}

/** Controls a HAProxy that somebody else runs, through a command like `systemctl reload haproxy`. */
export function controlByCommand(settings: CommandSettings): HaproxyControl {
  const { statsSocket, configPath } = settings;
  const cause = `nobody answers on the stats socket ${statsSocket}. Start HAProxy, or correct haproxy.statsSocket.`;
  return controlForeign({
    around: settings.around,
    state: async (signal) => {
      const { socket, unseen } = await usedSocket(statsSocket, configPath);
      return socket === null ? unseen : ((await seeWorker(socket, signal)) ?? { kind: 'away', cause });
    },
    reload: (mark, signal) => commandReload(settings, mark, signal),
  });
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
  const { socket } = await usedSocket(settings.statsSocket, settings.configPath);
  const before = socket === null ? null : await seeWorker(socket, signal);
  for (let tries = 1; tries <= 2; tries += 1) {
    const ran = await runCommand(settings, signal);
    if (ran.kind === 'failed') {
      return { kind: 'failed', message: ran.message };
    }
    if (socket === null) {
      return { kind: 'unverified', log: ran.log };
    }
    const patience = before === null ? 3000 : (settings.patience ?? 6000);
    const pid = await awaitWorker({ socket, mark, before: before?.pid ?? null, patience }, signal);
    if (pid !== null) {
      return { kind: 'verified', pid, tries, log: ran.log };
    }
    if (before === null && (await seeWorker(socket, signal)) === null) {
      return { kind: 'unverified', log: ran.log };
    }
  }
  const now = socket === null ? null : await seeWorker(socket, signal);
  const runs =
    now === null ? 'nobody answers on the stats socket' : `worker ${now.pid} runs mark ${now.mark ?? 'none'}`;
  return {
    kind: 'failed',
    message: `loading ${settings.configPath}: "${settings.reloadCommand.join(' ')}" said yes, but ${runs}, not ${mark}; HAProxy's own log says why`,
  };
}

type Told =
  | { readonly kind: 'ran'; readonly log: string }
  | { readonly kind: 'failed'; readonly message: string };

async function runCommand(settings: CommandSettings, signal: AbortSignal): Promise<Told> {
  const words = settings.reloadCommand.map((word) => word.replaceAll('{config}', settings.configPath));
  const [program = '', ...args] = words;
  const timeout = settings.timeout ?? 60_000;
  const result = await runProgram(program, args, { timeout, signal });
  signal.throwIfAborted();
  const log = lastLines(result.said);
  if (result.exitCode === 0) {
    return { kind: 'ran', log };
  }
  return {
    kind: 'failed',
    message: `running "${words.join(' ')}": ${whyFailed(result, { program, timeout })}${log && ` ${log}`}`,
  };
}

function whyFailed(ran: Ran, { program, timeout }: { program: string; timeout: number }): string {
  if (ran.timedOut) {
    return `not done in ${timeout / 1000} s, so it was ended with all that it started.`;
  }
  if (ran.error) {
    return `${whyNotRun(program, ran.error)}. Correct haproxy.reloadCommand.`;
  }
  return ran.exitCode === null ? `ended by ${ran.signal ?? 'a signal'}.` : `exit code ${ran.exitCode}.`;
}
