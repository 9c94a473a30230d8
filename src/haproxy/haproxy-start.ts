import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReloadOutcome } from '../ports/haproxy.ts';
import { endGroup } from '../system/process-group.ts';
import { whyNotRun } from '../system/run-program.ts';
import type { HaproxyOutput } from './haproxy-output.ts';
import type { MasterSocket } from './master-socket.ts';
import { until } from './until.ts';

/** What is to be started, and how it is talked to. */
export interface StartOptions {
  readonly binary: string;
  readonly masterSocket: string;
  readonly configPath: string;
  readonly pidFile: string;
  readonly master: MasterSocket;
  /** Gets stdout and stderr. */
  readonly output: HaproxyOutput;
}

/** A HAProxy master that was started here. */
export interface HaproxyStart extends StartOptions {
  /** Undefined where the program could not be started. */
  readonly pid: number | undefined;
  /** How many lines had come before. */
  readonly firstLine: number;
  /** How it ended; null while it lives. */
  ended(): string | null;
  /** Resolves with a sentence on how it ended. */
  readonly end: Promise<string>;
}

/**
 * Starts `haproxy -W` in a session of its own: it outlives this process, however that ends, and a Ctrl-C of the
 * terminal does not reach it. `-db` keeps the master in the foreground whatever its text says (`daemon`), as in
 * HAProxy's own image.
 */
export function startHaproxy(options: StartOptions): HaproxyStart {
  const { binary, masterSocket, configPath, pidFile, output } = options;
  const args = ['-W', '-db', '-S', `${masterSocket},mode,600`, '-f', configPath, '-p', pidFile];
  const firstLine = output.lineCount;
  let how: string | null = null;
  const { promise, resolve } = Promise.withResolvers<string>();
  const end = (sentence: string) => {
    how ??= sentence;
    resolve(how);
  };
  const fail = (error: NodeJS.ErrnoException) =>
    end(`starting ${binary}: ${whyNotRun('it', error)}. Install HAProxy, or set haproxy.binary`);
  let child: ChildProcess | undefined;
  try {
    child = spawn(binary, args, { detached: true, stdio: ['ignore', output.fd, output.fd] });
    child.on('error', fail);
    child.once('exit', (code, signal) => end(`HAProxy ended (${signal ?? `exit code ${code}`})`));
    child.unref();
  } catch (error) {
    if (!(error instanceof Error)) {
      throw error;
    }
    fail(error);
  }
  return { ...options, pid: child?.pid, firstLine, ended: () => how, end: promise };
}

/**
 * Waits until it answers, for `patience` ms; then it is ended. Gives what is wrong with its last words, or null.
 */
export async function awaitStart(
  start: HaproxyStart,
  patience: number,
  signal: AbortSignal,
): Promise<string | null> {
  const look = async () => {
    const proc = await start.master.showProc(signal).catch(() => null);
    return proc?.worker && proc.master === start.pid ? 'answers' : start.ended() && 'ended';
  };
  const found = await until(look, { limit: patience, every: 25, signal });
  if (found === 'answers') {
    return null;
  }
  if (found === null && start.pid !== undefined) {
    await endGroup(start.pid);
  }
  const late = `it did not answer on ${start.masterSocket} in ${patience / 1000} s, so it was ended`;
  return failure(start, found === null ? late : (start.ended() ?? ''), signal);
}

/** Waits until it runs the text of this mark. */
export async function verifyStart(
  start: HaproxyStart,
  mark: string,
  signal: AbortSignal,
): Promise<ReloadOutcome> {
  const look = async () => {
    const state = await start.master.state(signal);
    const pid = state.kind === 'running' && state.mark === mark ? state.pid : null;
    return pid !== null || start.ended() !== null ? { pid } : null;
  };
  const pid = (await until(look, { limit: 5000, every: 25, signal }))?.pid ?? null;
  if (pid === null) {
    const found = start.ended() ?? `it does not answer with this text's mark (${mark})`;
    return { kind: 'failed', message: await failure(start, found, signal) };
  }
  await sleep(50, undefined, { signal });
  return { kind: 'verified', pid, tries: 1, log: start.output.linesAfter(start.firstLine), started: true };
}

/** Its last words may still be in the pipe. */
async function failure(start: HaproxyStart, found: string, signal: AbortSignal): Promise<string> {
  await sleep(50, undefined, { signal });
  const said = start.output.linesAfter(start.firstLine);
  return `starting HAProxy on ${start.configPath}: ${found}. ${said}`.trim();
}
