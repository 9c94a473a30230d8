import { EventEmitter } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import { endGroup } from '../system/process-group.ts';
import type { AroundLoad, ManagedSettings } from './control-settings.ts';
import { HaproxyOutput } from './haproxy-output.ts';
import { haproxyLives, isHaproxy, livesOrGone, processFacts } from './haproxy-process.ts';
import { awaitStart, type HaproxyStart, startHaproxy, verifyStart } from './haproxy-start.ts';
import { afterEnd, endsOf, type ManagedState, masterOf, type Pausing, pauseOf } from './managed-state.ts';
import { MasterSocket, type Proc } from './master-socket.ts';
import { reloadByMaster } from './reload-by-master.ts';
import { quietly, whereNoAnswer } from './socket-command.ts';
import { stopMaster } from './stop-master.ts';
import { until } from './until.ts';
import { watchState } from './watch-state.ts';

/** Runs HAProxy as a child that outlives it; see `ManagedHaproxy`. */
export function controlManaged(settings: ManagedSettings): HaproxyControl {
  return new ManagedHaproxy(settings);
}

/** Milliseconds between two looks whether an adopted one, which is no child of ours, still lives. */
const LOOK = 300;

/** Milliseconds for which a PID file may be empty, on a machine that is busy. */
const WRITING_PID = 5000;

/** What came of having a HAProxy answer. */
type BroughtUp =
  | { readonly kind: 'runs' }
  /** It was started just now, from the file that lies there. */
  | { readonly kind: 'started'; readonly start: HaproxyStart }
  | { readonly kind: 'trouble'; readonly message: string };

/**
 * Goes through the states of `ManagedState`. Before each start it asks the master socket, and where that refuses, waits
 * for the master that the pid file names (it may be in the middle of a reload). Only `stop` ends HAProxy.
 */
class ManagedHaproxy implements HaproxyControl {
  readonly #settings: ManagedSettings;
  readonly #patience: number;
  readonly #around: AroundLoad;
  readonly #master: MasterSocket;
  readonly #serial = new Serial();
  readonly #closing = new AbortController();
  /** Says `move` whenever the state moved. */
  readonly #moves = new EventEmitter<{ move: [] }>();
  readonly #output: HaproxyOutput;
  #state: ManagedState = { kind: 'idle' };
  /** The last one started here that has answered. */
  #latest: HaproxyStart | null = null;
  /** What goes on beside the calls. */
  #work: Promise<void> = Promise.resolve();

  constructor(settings: ManagedSettings) {
    this.#settings = settings;
    this.#patience = settings.patience ?? 60_000;
    this.#around = settings.around ?? ((load) => load());
    this.#master = new MasterSocket(settings.masterSocket, Math.min(10_000, this.#patience));
    this.#output = new HaproxyOutput(`${settings.masterSocket}.log`, settings.onLine);
  }

  async state(signal: AbortSignal): Promise<HaproxyState> {
    const seen = await this.#master.state(signal);
    if (seen.kind !== 'away') {
      return seen;
    }
    const isExpected = this.#state.kind === 'idle';
    return { kind: 'away', cause: this.#whyAway(seen.cause), ...(isExpected && { expected: true }) };
  }

  #whyAway(cause: string): string {
    const state = this.#state;
    switch (state.kind) {
      case 'idle':
        return 'HAProxy has not been started yet.';
      case 'pausing':
        return `${state.how}; it is started again. ${this.#output.linesAfter(state.firstLine)}`.trim();
      case 'stopped':
        return 'HAProxy was stopped.';
      case 'wanted':
      case 'starting':
      case 'running':
        return cause;
      default:
        return state satisfies never;
    }
  }

  /** Starts HAProxy from the file that lies there, or adopts the one that runs, and loads nothing anew. */
  start(signal: AbortSignal): Promise<HaproxyState> {
    return this.#serial.run(async () => {
      const up = await this.#bringUp(signal);
      return up.kind === 'trouble' ? { kind: 'away', cause: up.message } : this.state(signal);
    });
  }

  reload(mark: string, signal: AbortSignal, running: string | null = null): Promise<ReloadOutcome> {
    const known = this.#latest;
    return this.#serial.run(async () => {
      if (this.#settings.absent === 'wait' && (await this.#find(signal)) === null) {
        return { kind: 'away', cause: 'none runs. `pointsman run` starts it.' };
      }
      const from = this.#output.lineCount;
      const log = () => this.#output.linesAfter(from);
      const how = { master: this.#master, configPath: this.#settings.configPath, mark, log };
      const reload = () => reloadByMaster(how, signal);
      const up = await this.#bringUp(signal);
      switch (up.kind) {
        case 'trouble':
          return { kind: 'failed', message: up.message };
        case 'started':
          return verifyStart(up.start, mark, signal);
        case 'runs':
          if (this.#latest !== null && this.#latest !== known && (await this.#isLoaded(mark, signal))) {
            // A start that was under way when this was asked for has loaded it.
            return verifyStart(this.#latest, mark, signal);
          }
          return whereNoAnswer(this.#around(reload, { running, signal }), ({ advice }) => ({
            kind: 'failed',
            message: advice,
          }));
        default:
          return up satisfies never;
      }
    });
  }

  async #isLoaded(mark: string, signal: AbortSignal): Promise<boolean> {
    const state = await this.#master.state(signal);
    return state.kind === 'running' && state.mark === mark;
  }

  watch(signal: AbortSignal): AsyncIterable<HaproxyState> {
    return watchState(
      {
        state: (inner) => this.state(inner),
        idle: () => this.#serial.idle(),
        absence: () => livesOrGone(masterOf(this.#state)),
        onHint: (look) => {
          this.#moves.on('move', look);
          return () => this.#moves.off('move', look);
        },
      },
      signal,
    );
  }

  async stop(): Promise<void> {
    await this.#close();
    const state = this.#state;
    const master = masterOf(state);
    this.#become({ kind: 'stopped' });
    if (master === null) {
      return;
    }
    await stopMaster(master, this.#settings.grace ?? 3000);
    if (state.kind === 'starting') {
      // What never answered may be no HAProxy at all.
      await endGroup(master);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    this.#output.close();
  }

  /** From now on nobody starts it again. */
  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
    await this.#serial.idle();
  }

  #become(state: ManagedState): void {
    this.#state = state;
    this.#moves.emit('move');
  }

  /** Has a HAProxy answer: the one that is ours, one that is adopted, or a new one. */
  async #bringUp(signal: AbortSignal): Promise<BroughtUp> {
    if (this.#state.kind === 'stopped') {
      return { kind: 'trouble', message: 'HAProxy was stopped, and is not started again.' };
    }
    if (this.#state.kind === 'idle') {
      this.#become({ kind: 'wanted' });
    }
    try {
      await this.#output.open();
    } catch (error) {
      return { kind: 'trouble', message: error instanceof Error ? error.message : String(error) };
    }
    const proc = await this.#find(signal);
    if (proc === 'mute') {
      const { masterSocket } = this.#settings;
      const message = `a haproxy master lives and does not answer on ${masterSocket}. Look whether it is stopped; end it, and a new one is started.`;
      return { kind: 'trouble', message };
    }
    if (proc === null) {
      return this.#around(() => this.#start(signal), { running: null, signal });
    }
    if (proc.master !== masterOf(this.#state)) {
      this.#adopt(proc.master);
    } else if (this.#state.kind === 'starting') {
      this.#answered(this.#state.start);
    }
    return { kind: 'runs' };
  }

  /**
   * The master that answers; one that lives and refuses is loading, and is waited for: `mute` where that takes longer than
   * the patience. Null where there is none.
   */
  async #find(signal: AbortSignal): Promise<Proc | 'mute' | null> {
    const look = async () => {
      const proc = await quietly(this.#master.showProc(signal));
      return proc || !(await this.#masterLives()) ? { proc } : null;
    };
    const seen = await until(look, { limit: this.#patience, every: 50, signal });
    return seen ? seen.proc : 'mute';
  }

  /** In the middle of its re-execution a master has no arguments and perhaps no worker. */
  async #masterLives(): Promise<boolean> {
    if ((await livesOrGone(masterOf(this.#state))) === 'busy') {
      return true;
    }
    const text = (await this.#readPid()) ?? (await this.#readPid('a moment later'));
    if (text === '') {
      return this.#isWritingPid();
    }
    const pid = Number(text);
    const facts = pid > 0 ? await processFacts(pid) : null;
    if (!facts || !isHaproxy(facts)) {
      return false;
    }
    const socket = `${this.#settings.masterSocket},`;
    return facts.args.length === 0 || facts.args.some((arg) => arg.startsWith(socket));
  }

  /** HAProxy removes the file before it makes it anew. */
  async #readPid(when: 'now' | 'a moment later' = 'now'): Promise<string | null> {
    if (when !== 'now') {
      await sleep(50);
    }
    return readFile(this.#pidFile, 'utf8').then(
      (text) => text.trim(),
      () => null,
    );
  }

  /** A master that re-executes itself empties its file first, and writes its PID when it has loaded. */
  async #isWritingPid(): Promise<boolean> {
    const mtimeMs = await stat(this.#pidFile).then(
      (found) => found.mtimeMs,
      () => 0,
    );
    return Date.now() - mtimeMs < WRITING_PID;
  }

  get #pidFile(): string {
    return `${this.#settings.masterSocket}.pid`;
  }

  async #start(signal: AbortSignal): Promise<BroughtUp> {
    const { binary, masterSocket, configPath } = this.#settings;
    const [master, output, pidFile] = [this.#master, this.#output, this.#pidFile];
    const [since, ends] = [Date.now(), endsOf(this.#state)];
    const start = startHaproxy({ binary, masterSocket, configPath, pidFile, master, output });
    const { pid, firstLine } = start;
    this.#become({ kind: 'starting', start, pid, since, firstLine, ends });
    void start.end.then((how) => this.#ended(pid, how));
    const message = await awaitStart(start, this.#patience, signal);
    if (message !== null) {
      return { kind: 'trouble', message };
    }
    this.#answered(start);
    return { kind: 'started', start };
  }

  /** A child of ours answers. Where it has ended meanwhile, that is known. */
  #answered(start: HaproxyStart): void {
    const [state, { pid }] = [this.#state, start];
    if (state.kind === 'starting' && state.pid === pid && pid !== undefined) {
      this.#latest = start;
      this.#become({ ...state, kind: 'running' });
      this.#settings.onChange?.({ kind: 'haproxy-started', pid });
    }
  }

  #adopt(pid: number): void {
    const [since, firstLine, ends] = [Date.now(), this.#output.lineCount, endsOf(this.#state)];
    this.#become({ kind: 'running', pid, since, firstLine, ends });
    this.#settings.onChange?.({ kind: 'haproxy-adopted', pid });
    if (this.#settings.absent !== 'wait') {
      this.#background(this.#awaitEnd(pid));
    }
  }

  /** An adopted one is no child of ours: it is looked after. */
  async #awaitEnd(pid: number): Promise<void> {
    const { signal } = this.#closing;
    while (await haproxyLives(pid)) {
      await sleep(LOOK, undefined, { signal, ref: false });
    }
    this.#ended(pid, 'HAProxy ended');
  }

  #ended(pid: number | undefined, how: string): void {
    const state = this.#state;
    if ((state.kind !== 'starting' && state.kind !== 'running') || state.pid !== pid) {
      return;
    }
    if (this.#closing.signal.aborted) {
      this.#become({ kind: 'stopped' });
      return;
    }
    const pausing = afterEnd(state, how, Date.now());
    this.#become(pausing);
    if (state.kind === 'running') {
      this.#settings.onChange?.({ kind: 'haproxy-exited', cause: how, restartInMs: pauseOf(pausing) });
    }
    if (this.#settings.absent !== 'wait') {
      this.#background(this.#startAgain(pausing));
    }
  }

  async #startAgain(pausing: Pausing): Promise<void> {
    const { signal } = this.#closing;
    while (this.#state === pausing) {
      await sleep(pauseOf(pausing), undefined, { signal, ref: false });
      await this.#serial.run(async () => {
        signal.throwIfAborted();
        if (this.#state === pausing) {
          await this.#bringUp(signal);
        }
      });
    }
  }

  /**
   * Goes on for as long as this control lives. Its waits do not hold the process: a single `render` ends, and HAProxy
   * serves on.
   */
  #background(work: Promise<void>): void {
    this.#work = work.catch((error: unknown) => {
      if (!this.#closing.signal.aborted) {
        throw error;
      }
    });
  }
}
