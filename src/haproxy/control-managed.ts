import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyEvent } from '../events-haproxy.ts';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../ports/haproxy.ts';
import { startChild, stopMaster } from './haproxy-child.ts';
import { HaproxyOutput } from './haproxy-output.ts';
import { haproxyLives, isHaproxy, processFacts } from './haproxy-process.ts';
import { awaitStart, type HaproxyStart, verifyStart } from './haproxy-start.ts';
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
  /** What a reload does where none runs: start one, or leave the file for the one that will. @default 'start' */
  readonly absent?: 'start' | 'wait';
  /** Milliseconds in which a HAProxy that was started, or is there, has to answer. @default 60 s */
  readonly patience?: number;
  /** Gets each line that HAProxy says on stdout and stderr. */
  readonly onLine?: (line: string) => void;
  /** Told when a HAProxy became ours or ended. */
  readonly onChange?: (change: ManagedChange) => void;
}

/** What became of the HAProxy that is ours. */
export type ManagedChange = Extract<
  HaproxyEvent,
  { readonly kind: 'haproxy-started' | 'haproxy-adopted' | 'haproxy-exited' }
>;

/** Runs HAProxy as a child that outlives it; see `ManagedHaproxy`. */
export function controlManaged(settings: ManagedSettings): HaproxyControl {
  return new ManagedHaproxy(settings);
}

const PAUSES = { first: 100, most: 5000, steady: 10_000 };
const LOOK = 300;
const PATIENCE = 60_000;

/**
 *   idle --reload()--> (answers on the master socket?) --yes--> adopted --dies--+
 *                                 | no                                           v
 *                                 +--> running --dies--> pausing 100 ms .. 5 s --> running (or adopted)
 *
 * Never two: before each start it asks the master socket, and where that refuses, waits for the master that the pid
 * file names (it may be in the middle of a reload). Only `stop` ends it.
 */
class ManagedHaproxy implements HaproxyControl {
  readonly #settings: ManagedSettings;
  readonly #master: MasterSocket;
  readonly #serial = new Serial();
  readonly #stop = new AbortController();
  readonly #hints = new Set<() => void>();
  readonly #output: HaproxyOutput;
  /** How many lines had come when the present HAProxy, or the last one, became ours. */
  #since = 0;
  #started: HaproxyStart | null = null;
  /** The master that runs, started here or adopted. */
  #pid: number | null = null;
  #wanted = false;
  #answered = false;
  #deaths = 0;
  #startedAt = 0;
  #lastEnd: string | null = null;
  #keeper: Promise<void> | null = null;

  constructor(settings: ManagedSettings) {
    this.#settings = settings;
    this.#master = new MasterSocket(settings.masterSocket, Math.min(10_000, settings.patience ?? PATIENCE));
    this.#output = new HaproxyOutput(`${settings.masterSocket}.log`, settings.onLine);
  }

  async state(signal: AbortSignal): Promise<HaproxyState> {
    const state = await stateByMaster(this.#master, signal);
    if (state.kind === 'running' || this.#pid !== null) {
      return state;
    }
    if (!this.#wanted) {
      return { kind: 'away', cause: 'HAProxy has not been started yet.' };
    }
    if (this.#lastEnd === null) {
      return state;
    }
    return {
      kind: 'away',
      cause: `${this.#lastEnd}; it is started again. ${this.#output.since(this.#since)}`.trim(),
    };
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
      if (this.#settings.absent === 'wait' && (await this.#running(signal)) === null) {
        return { kind: 'away', cause: 'none runs. `pointsman run` starts it.' };
      }
      this.#wanted = true;
      const from = this.#output.said;
      const before = this.#pid;
      const problem = await this.#ensure(signal);
      if (problem !== null) {
        return { kind: 'failed', message: problem };
      }
      const started = this.#started;
      if (started && this.#pid !== before && this.#pid === started.child.pid) {
        return verifyStart(started, mark, signal);
      }
      try {
        const { configPath } = this.#settings;
        const log = () => this.#output.since(from);
        return await reloadByMaster({ master: this.#master, configPath, mark, log }, signal);
      } catch (error) {
        if (error instanceof SocketError) {
          return { kind: 'failed', message: error.advice };
        }
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

  async stop(): Promise<void> {
    await this.#letGo();
    if (this.#pid !== null) {
      await stopMaster(this.#pid, this.#settings.grace ?? 3000);
    }
    this.#pid = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#letGo();
    this.#output.close();
  }

  /** From now on nobody starts it again. */
  async #letGo(): Promise<void> {
    this.#stop.abort();
    await this.#keeper;
    await this.#serial.idle();
  }

  /** Has a HAProxy answer: the one that runs, one that is adopted, or a new one. Gives what is wrong, or null. */
  async #ensure(signal: AbortSignal): Promise<string | null> {
    try {
      await this.#output.open();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const proc = await this.#running(signal);
    if (proc === 'mute') {
      const { masterSocket } = this.#settings;
      return `a haproxy master lives and does not answer on ${masterSocket}. Look whether it is stopped; end it, and a new one is started.`;
    }
    if (proc === null) {
      return this.#start(signal);
    }
    if (proc.master !== this.#pid) {
      this.#ours('adopted', proc.master);
    }
    this.#keep();
    return null;
  }

  #ours(kind: 'started' | 'adopted', pid: number): void {
    this.#pid = pid;
    this.#answered = true;
    if (kind === 'adopted') {
      this.#since = this.#output.said;
    }
    this.#settings.onChange?.({ kind: `haproxy-${kind}`, pid });
  }

  /** The master that answers; one that lives and refuses is loading, and is waited for, but not for ever. */
  async #running(signal: AbortSignal): Promise<Proc | 'mute' | null> {
    const end = Date.now() + (this.#settings.patience ?? PATIENCE);
    for (;;) {
      const proc = await this.#master.showProc(signal).catch((error: unknown) => {
        if (error instanceof SocketError) {
          return null;
        }
        throw error;
      });
      if (proc || !(await this.#masterLives())) {
        return proc;
      }
      if (Date.now() > end) {
        return 'mute';
      }
      await sleep(50, undefined, { signal });
    }
  }

  /** In the middle of its re-execution a master has no arguments and perhaps no worker. */
  async #masterLives(): Promise<boolean> {
    if (this.#pid !== null && (await haproxyLives(this.#pid))) {
      return true;
    }
    const pid = Number((await readFile(this.#pidFile, 'utf8').catch(() => '')).trim());
    const facts = pid > 0 ? await processFacts(pid) : null;
    if (!facts || !isHaproxy(facts)) {
      return false;
    }
    const socket = `${this.#settings.masterSocket},`;
    return facts.args.length === 0 || facts.args.some((arg) => arg.startsWith(socket));
  }

  get #pidFile(): string {
    return `${this.#settings.masterSocket}.pid`;
  }

  async #start(signal: AbortSignal): Promise<string | null> {
    const { binary, masterSocket, configPath, patience = PATIENCE } = this.#settings;
    this.#since = this.#output.said;
    this.#answered = false;
    this.#startedAt = Date.now();
    const child = startChild({
      binary,
      masterSocket,
      configPath,
      pidFile: this.#pidFile,
      logFd: this.#output.fd,
      onEnd: (how) => this.#onEnd(how),
    });
    this.#pid = child.pid ?? null;
    this.#keep();
    const [master, output, since] = [this.#master, this.#output, this.#since];
    this.#started = { child, master, output, since, masterSocket, configPath };
    const problem = await awaitStart(this.#started, patience, signal);
    if (problem === null && child.pid !== undefined) {
      this.#ours('started', child.pid);
    }
    return problem;
  }

  #onEnd(how: string): void {
    this.#pid = null;
    this.#lastEnd = how;
    this.#deaths = Date.now() - this.#startedAt > PAUSES.steady ? 1 : this.#deaths + 1;
    if (this.#answered && !this.#stop.signal.aborted) {
      this.#settings.onChange?.({ kind: 'haproxy-exited', cause: how, restartInMs: this.#pause });
    }
    this.#answered = false;
    for (const look of this.#hints) {
      look();
    }
  }

  get #pause(): number {
    return Math.min(PAUSES.most, PAUSES.first * 2 ** Math.max(0, this.#deaths - 1));
  }

  /**
   * Starts it again when it died, for as long as this control lives. Its pauses do not hold the process: a single
   * `render` ends, and HAProxy serves on.
   */
  #keep(): void {
    if (this.#settings.absent === 'wait') {
      return;
    }
    this.#keeper ??= (async () => {
      const signal = this.#stop.signal;
      try {
        for (;;) {
          if (this.#pid === null) {
            await this.#again(signal);
          }
          await this.#nextLook(signal);
          const adopted = this.#pid !== null && this.#pid !== this.#started?.child.pid;
          if (adopted && !(await haproxyLives(this.#pid ?? 0))) {
            this.#onEnd('HAProxy ended');
          }
        }
      } catch (error) {
        if (!signal.aborted) {
          throw error;
        }
      }
    })();
  }

  async #again(signal: AbortSignal): Promise<void> {
    await sleep(this.#pause, undefined, { signal, ref: false });
    await this.#serial.run(async () => {
      signal.throwIfAborted();
      if (this.#pid === null && this.#wanted) {
        await this.#ensure(signal);
      }
    });
    for (const look of this.#hints) {
      look();
    }
  }

  /** A pause that the end of the child cuts short. */
  async #nextLook(signal: AbortSignal): Promise<void> {
    const hint = new AbortController();
    const look = () => hint.abort();
    this.#hints.add(look);
    try {
      if (this.#pid === null) {
        return;
      }
      const either = AbortSignal.any([signal, hint.signal]);
      await sleep(LOOK, undefined, { signal: either, ref: false }).catch(() => undefined);
      signal.throwIfAborted();
    } finally {
      this.#hints.delete(look);
    }
  }
}
