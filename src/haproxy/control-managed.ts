import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../reconcile/interfaces.ts';
import { downByMaster } from './down-servers.ts';
import { explainFileError } from './file-error.ts';
import { type HaproxyChild, startChild, stopMaster } from './haproxy-child.ts';
import { haproxyLives, isHaproxy, processFacts } from './haproxy-process.ts';
import { type LogPipe, openLogPipe } from './log-pipe.ts';
import { MasterSocket, type Proc } from './master-socket.ts';
import { reloadByMaster } from './reload-by-master.ts';
import { Serial } from './serial.ts';
import { SocketError } from './socket-command.ts';
import { stateByMaster } from './state-by-master.ts';
import { watchState } from './watch-state.ts';

/** What mode `managed` needs of the settings. */
export interface ManagedSettings {
  readonly binary: string;
  readonly masterSocket: string;
  /** The file that is published and that HAProxy loads. */
  readonly configPath: string;
  /** Milliseconds for a soft stop. @default 3 s */
  readonly grace?: number;
  /** Gets each line that HAProxy says on stdout and stderr. */
  readonly onLine?: (line: string) => void;
}

/** Runs HAProxy as a child that outlives it; see `ManagedHaproxy`. */
export function controlManaged(settings: ManagedSettings): HaproxyControl {
  return new ManagedHaproxy(settings);
}

const PAUSES = { first: 100, most: 5000, steady: 10_000 };
const LOOK = 300;
const KEPT_LINES = 200;

/**
 *   idle --reload()--> (answers on the master socket?) --yes--> adopted --dies--+
 *                                 | no                                           v
 *                                 +--> running --dies--> pausing 100 ms .. 5 s --> running (or adopted)
 *
 * Never two: before each start it asks the master socket, and where that refuses, waits for the master that the pid
 * file names (it may be in the middle of a reload).
 */
class ManagedHaproxy implements HaproxyControl {
  readonly #settings: ManagedSettings;
  readonly #master: MasterSocket;
  readonly #serial = new Serial();
  readonly #stop = new AbortController();
  readonly #hints = new Set<() => void>();
  readonly #lines: string[] = [];
  #said = 0;
  #pipe: LogPipe | null = null;
  #child: HaproxyChild | null = null;
  /** The master that runs, started here or adopted. */
  #pid: number | null = null;
  #wanted = false;
  #deaths = 0;
  #startedAt = 0;
  #lastEnd: string | null = null;
  #keeper: Promise<void> | null = null;

  constructor(settings: ManagedSettings) {
    this.#settings = settings;
    this.#master = new MasterSocket(settings.masterSocket);
  }

  async state(signal: AbortSignal): Promise<HaproxyState> {
    const state = await stateByMaster(this.#master, signal);
    if (state.kind === 'running' || this.#pid !== null) return state;
    if (!this.#wanted) return { kind: 'away', cause: 'HAProxy has not been started yet.' };
    if (this.#lastEnd === null) return state;
    return { kind: 'away', cause: `${this.#lastEnd}; it is started again. ${this.#tail(0)}`.trim() };
  }

  /** Starts HAProxy from the file that lies there, or adopts the one that runs, and loads nothing anew. */
  start(signal: AbortSignal): Promise<HaproxyState> {
    return this.#serial.run(async () => {
      this.#wanted = true;
      const problem = await this.#ensure(signal);
      return problem === null ? this.state(signal) : { kind: 'away', cause: problem };
    });
  }

  reload(mark: string, signal: AbortSignal): Promise<ReloadOutcome> {
    return this.#serial.run(async () => {
      this.#wanted = true;
      const from = this.#said;
      const before = this.#pid;
      const problem = await this.#ensure(signal);
      if (problem !== null) return { kind: 'failed', message: problem };
      const started = this.#child !== null && this.#pid !== before && this.#pid === this.#child.pid;
      if (started) return this.#verifyStart(mark, from, signal);
      try {
        const { configPath } = this.#settings;
        const log = () => this.#tail(from);
        return await reloadByMaster({ master: this.#master, configPath, mark, log }, signal);
      } catch (error) {
        if (error instanceof SocketError) return { kind: 'failed', message: error.advice };
        throw error;
      }
    });
  }

  watch(signal: AbortSignal): AsyncIterable<HaproxyState> {
    return watchState(
      {
        state: (inner) => this.state(inner),
        idle: () => this.#serial.idle(),
        absence: async () =>
          this.#pid !== null && (await haproxyLives(this.#pid)) ? ('busy' as const) : ('gone' as const),
        onHint: (look) => {
          this.#hints.add(look);
          return () => this.#hints.delete(look);
        },
      },
      signal,
    );
  }

  downServers(signal: AbortSignal): Promise<ReadonlySet<string> | null> {
    return downByMaster(this.#master, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#keeper;
    await this.#serial.idle();
    if (this.#pid !== null) await stopMaster(this.#pid, this.#settings.grace ?? 3000);
    this.#pid = null;
    this.#pipe?.close();
    this.#pipe = null;
  }

  /** Has a HAProxy answer: the one that runs, one that is adopted, or a new one. Gives what is wrong, or null. */
  async #ensure(signal: AbortSignal): Promise<string | null> {
    try {
      await this.#openPipe();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const proc = await this.#running(signal);
    if (proc) {
      this.#pid = proc.master;
      this.#keep();
      return null;
    }
    return this.#start(signal);
  }

  async #openPipe(): Promise<void> {
    if (this.#pipe) return;
    const folder = path.dirname(this.#settings.masterSocket);
    try {
      await mkdir(folder, { recursive: true, mode: 0o750 });
    } catch (error) {
      throw explainFileError(error, `making the folder ${folder}`);
    }
    this.#pipe = await openLogPipe(`${this.#settings.masterSocket}.log`, (line) => {
      this.#said += 1;
      this.#lines.push(line);
      if (this.#lines.length > KEPT_LINES) this.#lines.shift();
      this.#settings.onLine?.(line);
    });
  }

  /** The master that answers; one that lives and refuses is loading, and is waited for. */
  async #running(signal: AbortSignal): Promise<Proc | null> {
    const end = Date.now() + 60_000;
    for (;;) {
      const proc = await this.#master.showProc(signal).catch((error: unknown) => {
        if (error instanceof SocketError) return null;
        throw error;
      });
      if (proc || Date.now() > end || !(await this.#masterLives())) return proc;
      await sleep(50, undefined, { signal });
    }
  }

  /** In the middle of its re-execution a master has no arguments and perhaps no worker. */
  async #masterLives(): Promise<boolean> {
    if (this.#pid !== null && (await haproxyLives(this.#pid))) return true;
    const pid = Number((await readFile(this.#pidFile, 'utf8').catch(() => '')).trim());
    const facts = pid > 0 ? await processFacts(pid) : null;
    if (!facts || !isHaproxy(facts)) return false;
    const socket = `${this.#settings.masterSocket},`;
    return facts.args.length === 0 || facts.args.some((arg) => arg.startsWith(socket));
  }

  get #pidFile(): string {
    return `${this.#settings.masterSocket}.pid`;
  }

  async #start(signal: AbortSignal): Promise<string | null> {
    const { binary, masterSocket, configPath } = this.#settings;
    const from = this.#said;
    this.#startedAt = Date.now();
    const child = startChild({
      binary,
      masterSocket,
      configPath,
      pidFile: this.#pidFile,
      logFd: this.#pipe?.fd ?? 2,
      onEnd: (how) => this.#onEnd(how),
    });
    this.#child = child;
    this.#pid = child.pid ?? null;
    this.#keep();
    for (;;) {
      const proc = await this.#master.showProc(signal).catch(() => null);
      if (child.ended() !== null) {
        // Its last words are still in the pipe.
        await sleep(50, undefined, { signal });
        return `starting HAProxy on ${configPath}: ${child.ended()}. ${this.#tail(from)}`.trim();
      }
      if (proc?.worker && proc.master === child.pid) return null;
      await sleep(25, undefined, { signal });
    }
  }

  async #verifyStart(mark: string, from: number, signal: AbortSignal): Promise<ReloadOutcome> {
    const end = Date.now() + 5000;
    for (;;) {
      const state = await stateByMaster(this.#master, signal);
      if (state.kind === 'running' && state.mark === mark && state.pid !== null) {
        await sleep(50, undefined, { signal });
        return { kind: 'verified', pid: state.pid, tries: 1, log: this.#tail(from) };
      }
      const ended = this.#child?.ended() ?? null;
      if (ended !== null || Date.now() > end) {
        const found = ended ?? `it does not answer with this text's mark (${mark})`;
        await sleep(50, undefined, { signal });
        const message = `starting HAProxy on ${this.#settings.configPath}: ${found}. ${this.#tail(from)}`;
        return { kind: 'failed', message: message.trim() };
      }
      await sleep(25, undefined, { signal });
    }
  }

  #onEnd(how: string): void {
    this.#pid = null;
    this.#lastEnd = how;
    this.#deaths = Date.now() - this.#startedAt > PAUSES.steady ? 1 : this.#deaths + 1;
    for (const look of this.#hints) look();
  }

  /**
   * Starts it again when it died, for as long as this control lives. Its pauses do not hold the process: a single
   * `render` ends, and HAProxy serves on.
   */
  #keep(): void {
    this.#keeper ??= (async () => {
      const signal = this.#stop.signal;
      try {
        for (;;) {
          if (this.#pid === null) await this.#again(signal);
          await this.#nextLook(signal);
          const adopted = this.#pid !== null && this.#pid !== this.#child?.pid;
          if (adopted && !(await haproxyLives(this.#pid ?? 0))) this.#onEnd('HAProxy ended');
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    })();
  }

  async #again(signal: AbortSignal): Promise<void> {
    const pause = Math.min(PAUSES.most, PAUSES.first * 2 ** Math.max(0, this.#deaths - 1));
    await sleep(pause, undefined, { signal, ref: false });
    await this.#serial.run(async () => {
      signal.throwIfAborted();
      if (this.#pid === null && this.#wanted) await this.#ensure(signal);
    });
    for (const look of this.#hints) look();
  }

  /** A pause that the end of the child cuts short. */
  async #nextLook(signal: AbortSignal): Promise<void> {
    const hint = new AbortController();
    const look = () => hint.abort();
    this.#hints.add(look);
    try {
      if (this.#pid === null) return;
      const either = AbortSignal.any([signal, hint.signal]);
      await sleep(LOOK, undefined, { signal: either, ref: false }).catch(() => undefined);
      signal.throwIfAborted();
    } finally {
      this.#hints.delete(look);
    }
  }

  /** What it has said since line `from`, as far as it is kept. */
  #tail(from: number): string {
    const fresh = Math.min(this.#said - from, this.#lines.length);
    return fresh > 0 ? this.#lines.slice(-Math.min(fresh, 30)).join('\n') : '';
  }
}
