import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import { whyNotRun } from '../system/not-run.ts';
import { lastLines, type Ran, runProgram } from '../system/run-program.ts';
import { awaitWorker, seeWorker } from './reload-by-socket.ts';
import { stateBySocket, usedSocket } from './state-by-socket.ts';
import { watchState } from './watch-state.ts';

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
    if (!used.runtime) {
      return used.unseen;
    }
    const cause = `nobody answers on the stats socket ${settings.statsSocket}. Start HAProxy, or correct haproxy.statsSocket.`;
    return (await stateBySocket(used.runtime, signal)) ?? { kind: 'away', cause };
  };
  return {
    state,
    reload: (mark, signal) => serial.run(() => commandReload(settings, mark, signal)),
    watch: (signal) => watchState({ state, idle: () => serial.idle() }, signal),
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
    if (ran.kind === 'failed') {
      return { kind: 'failed', message: ran.message };
    }
    if (runtime === null) {
      return { kind: 'unverified', log: ran.log };
    }
    const patience = before === null ? 3000 : (settings.patience ?? 6000);
    const pid = await awaitWorker({ runtime, mark, before: before?.pid ?? null, patience }, signal);
    if (pid !== null) {
      return { kind: 'verified', pid, tries, log: ran.log };
    }
    if (before === null && (await seeWorker(runtime, signal)) === null) {
      return { kind: 'unverified', log: ran.log };
    }
  }
  const now = runtime === null ? null : await seeWorker(runtime, signal);
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
