import { branchOf } from '../plan/haproxy-branch.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import { ASK_MARK, parseMark } from './runtime-session.ts';
import { askSocket, type SocketAddress, SocketError, socketError, whereNoAnswer } from './socket-command.ts';

/** A process in `show proc`. */
export interface ProcWorker {
  readonly pid: number;
  /** Reloads since it was started: 0 for one of the last reload, more for one that a failed reload left in place. */
  readonly reloads: number;
  readonly version: string | null;
}

/** What `show proc` says: the master, its counters, and the workers. */
export interface Proc {
  readonly master: number;
  readonly version: string | null;
  /** Loads that were tried since the master started, failed ones included. */
  readonly reloads: number;
  /** How many of them failed since the last one that did not. */
  readonly failed: number;
  /** The worker that takes new connections; null for a moment of a start. */
  readonly worker: ProcWorker | null;
  /** Workers that only finish what they have. */
  readonly oldWorkers: readonly ProcWorker[];
  /** The worker that will take them next: `show proc` of 3.1 and later lists it from the beginning of its load on. */
  readonly loading?: ProcWorker;
}

/**
 * What the master says to `reload`. HAProxy before 2.7 says nothing: then `show proc` has to tell. From 3.1 on the
 * master answers while a worker loads, and refuses another reload meanwhile: `busy`.
 */
export type ReloadAnswer =
  | { readonly kind: 'success' | 'failure' | 'busy'; readonly log: string }
  | { readonly kind: 'silent' };

/** A client of the master CLI (`haproxy -W -S PATH`; management guide 9.4): a fresh connection per command. */
export class MasterSocket {
  readonly #address: SocketAddress;
  /** The worker that is known to have loaded. */
  #loaded: number | null = null;

  /** Commands may wait behind a load, so they get 10 s; `reload` itself answers after the load and gets 60 s. */
  constructor(path: string, timeout = 10_000) {
    this.#address = { path, role: 'master socket', timeout };
  }

  /** Throws a `SocketError`, also where something else than a master answers. */
  async showProc(signal: AbortSignal): Promise<Proc> {
    const answer = await askSocket(this.#address, 'show proc', signal);
    const proc = parseProc(answer);
    if (proc) {
      return (await this.#isLoading(proc, signal)) ? beforeLoad(proc) : proc;
    }
    // A master that is about to re-execute itself takes the connection and drops it.
    throw socketError(this.#address, answer.trim() === '' ? 'cut' : 'stranger');
  }

  /** The state of HAProxy; `seen` gets each answer to `show proc`. Throws only when aborted. */
  state(signal: AbortSignal, seen: (proc: Proc) => void = () => undefined): Promise<HaproxyState> {
    const asked = this.showProc(signal).then((proc) => {
      seen(proc);
      return this.#stateOf(proc, signal);
    });
    return whereNoAnswer(asked, ({ advice }) => ({ kind: 'away', cause: advice }));
  }

  async #stateOf(
    { master, worker, version, reloads, failed, oldWorkers }: Proc,
    signal: AbortSignal,
  ): Promise<HaproxyState> {
    if (!worker) {
      return {
        kind: 'away',
        cause: `the haproxy master ${master} has no worker. Look at its log if this stays so.`,
      };
    }
    return {
      kind: 'running',
      pid: worker.pid,
      mark: await this.mark(worker.pid, signal),
      version: worker.version ?? version,
      reloads,
      failedReloads: failed,
      oldWorkers: oldWorkers.length,
    };
  }

  /** Has the master load its file again. Throws a `SocketError` with trouble `refused` while a reload runs. */
  async reload(signal: AbortSignal): Promise<ReloadAnswer> {
    const address = { ...this.#address, timeout: Math.max(60_000, this.#address.timeout) };
    const answer = await askSocket(address, 'reload', signal).catch((error: unknown) => {
      if (error instanceof SocketError && error.trouble === 'cut') {
        return '';
      }
      throw error;
    });
    return parseReload(answer);
  }

  /**
   * One command that is never answered with nothing, to one worker; `;` would reach the master. Throws a `SocketError`,
   * also where the worker ends at that moment.
   */
  async worker(
    pid: number,
    command: string,
    signal: AbortSignal,
    timeout = this.#address.timeout,
  ): Promise<string> {
    const answer = await askSocket({ ...this.#address, timeout }, `@!${pid} ${command}`, signal);
    if (answer === '' || UNREACHABLE.test(answer)) {
      throw socketError(this.#address, 'cut');
    }
    return answer;
  }

  /** The mark of a worker's text, null where it has none. */
  async mark(pid: number, signal: AbortSignal, timeout?: number): Promise<string | null> {
    return parseMark(await this.worker(pid, ASK_MARK, signal, timeout));
  }

  /**
   * Whether the worker of the last load is still loading. It must not be asked itself: the master says that it is not to
   * be found, and often keeps that connection, of which it has ten in all.
   */
  async #isLoading({ version, worker }: Proc, signal: AbortSignal): Promise<boolean> {
    const waits = branchOf(version ?? '') < ANSWERS_WHILE_LOADING;
    if (worker === null || worker.pid === this.#loaded || waits) {
      return false;
    }
    const loading = parseLoading(await askSocket(this.#address, 'show startup-logs', signal), worker.pid);
    if (!loading) {
      this.#loaded = worker.pid;
    }
    return loading;
  }
}

const UNREACHABLE = /^Can't (?:find the target PID|connect to the target CLI)/;

/** The first branch whose master takes connections before the load is over. */
const ANSWERS_WHILE_LOADING = 301;

/** Reads `show startup-logs` of a master: whether it has begun to start this worker, and not told that it is done. */
export function parseLoading(log: string, pid: number): boolean {
  const begun = log.lastIndexOf(`Initializing new worker (${pid})`);
  return begun !== -1 && !log.includes('Loading success', begun);
}

const LINE = /^(\d+)\s+(master|worker)\s+(\d+)(?:\s+\[failed:\s*(\d+)\])?\s+\S+(?:\s+(\S+))?\s*$/;

/**
 * Reads `show proc` of 2.6 to 3.4. After a failed reload 3.2 lists the worker that goes on under "old workers":
 * where there is no other, the youngest of them is the worker. Null where it is no such answer.
 */
export function parseProc(text: string): Proc | null {
  let section: 'current' | 'old' = 'current';
  let master: { pid: number; reloads: number; failed: number; version: string | null } | null = null;
  const workers = { current: [] as ProcWorker[], old: [] as ProcWorker[] };
  for (const line of text.split('\n')) {
    if (line.startsWith('# old workers')) {
      section = 'old';
    } else if (line.startsWith('# workers')) {
      section = 'current';
    }
    const found = LINE.exec(line);
    if (!found) {
      continue;
    }
    const one = { pid: Number(found[1]), reloads: Number(found[3]), version: found[5] ?? null };
    if (found[2] === 'master') {
      master = { ...one, failed: Number(found[4] ?? 0) };
    } else {
      workers[section].push(one);
    }
  }
  if (!master) {
    return null;
  }
  const byAge = [...workers.current, ...workers.old].sort((a, b) => a.reloads - b.reloads);
  const worker = workers.current[0] ?? byAge[0] ?? null;
  return {
    master: master.pid,
    version: master.version,
    reloads: master.reloads,
    failed: master.failed,
    worker,
    oldWorkers: byAge.filter((one) => one !== worker),
  };
}

/** What serves while the newest worker loads. */
function beforeLoad(proc: Proc): Proc {
  const [worker = null, ...oldWorkers] = proc.oldWorkers;
  return { ...proc, worker, oldWorkers, ...(proc.worker && { loading: proc.worker }) };
}

const BUSY = 'Another reload is still in progress';

/** Reads `Success=1` or `Success=0`, and the startup log after `--`. */
export function parseReload(text: string): ReloadAnswer {
  const found = /^Success=([01])\n(?:--\n)?([\s\S]*)$/.exec(text);
  if (!found) {
    return { kind: 'silent' };
  }
  const log = (found[2] ?? '').trim();
  if (found[1] === '1') {
    return { kind: 'success', log };
  }
  return { kind: log.startsWith(BUSY) ? 'busy' : 'failure', log };
}
