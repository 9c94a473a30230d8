import { parseMark } from './runtime-socket.ts';
import { askSocket, type SocketAddress, SocketError, socketError } from './socket-command.ts';

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
}

/** What the master says to `reload`. HAProxy before 2.7 says nothing: then `show proc` has to tell. */
export type ReloadAnswer =
  | { readonly kind: 'success' | 'failure'; readonly log: string }
  | { readonly kind: 'silent' };

/** A client of the master CLI (`haproxy -W -S PATH`; management guide 9.4): a fresh connection per command. */
export class MasterSocket {
  readonly #address: SocketAddress;

  /** Commands may wait behind a load, so they get 10 s; `reload` itself answers after the load and gets 60 s. */
  constructor(path: string, timeout = 10_000) {
    this.#address = { path, role: 'master socket', timeout };
  }

  /** Throws a `SocketError`, also where something else than a master answers. */
  async showProc(signal: AbortSignal): Promise<Proc> {
    const answer = await askSocket(this.#address, 'show proc', signal);
    const proc = parseProc(answer);
    if (proc) return proc;
    // A master that is about to re-execute itself takes the connection and drops it.
    throw socketError(this.#address, answer.trim() === '' ? 'cut' : 'stranger');
  }

  /** Has the master load its file again. Throws a `SocketError` with trouble `refused` while a reload runs. */
  async reload(signal: AbortSignal): Promise<ReloadAnswer> {
    const address = { ...this.#address, timeout: Math.max(60_000, this.#address.timeout) };
    const answer = await askSocket(address, 'reload', signal).catch((error: unknown) => {
      if (error instanceof SocketError && error.trouble === 'cut') return '';
      throw error;
    });
    return parseReload(answer);
  }

  /** One command to one worker; `;` would reach the master. */
  worker(
    pid: number,
    command: string,
    signal: AbortSignal,
    timeout = this.#address.timeout,
  ): Promise<string> {
    return askSocket({ ...this.#address, timeout }, `@!${pid} ${command}`, signal);
  }

  /** The mark of a worker's text, null where it has none. */
  async mark(pid: number, signal: AbortSignal, timeout?: number): Promise<string | null> {
    return parseMark(await this.worker(pid, 'get var proc.pointsman_mark', signal, timeout));
  }
}

const LINE = /^(\d+)\s+(master|worker)\s+(\d+)(?:\s+\[failed:\s*(\d+)\])?\s+\S+(?:\s+(\S+))?\s*$/;

/**
 * Reads `show proc` of 2.6 to 3.2. After a failed reload 3.2 lists the worker that goes on under "old workers":
 * where there is no other, the youngest of them is the worker. Null where it is no such answer.
 */
export function parseProc(text: string): Proc | null {
  let section: 'current' | 'old' = 'current';
  let master: { pid: number; reloads: number; failed: number; version: string | null } | null = null;
  const workers = { current: [] as ProcWorker[], old: [] as ProcWorker[] };
  for (const line of text.split('\n')) {
    if (line.startsWith('# old workers')) section = 'old';
    else if (line.startsWith('# workers')) section = 'current';
    const found = LINE.exec(line);
    if (!found) continue;
    const one = { pid: Number(found[1]), reloads: Number(found[3]), version: found[5] ?? null };
    if (found[2] === 'master') master = { ...one, failed: Number(found[4] ?? 0) };
    else workers[section].push(one);
  }
  if (!master) return null;
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

/** Reads `Success=1` or `Success=0`, and the startup log after `--`. */
export function parseReload(text: string): ReloadAnswer {
  const found = /^Success=([01])\n(?:--\n)?([\s\S]*)$/.exec(text);
  if (!found) return { kind: 'silent' };
  return { kind: found[1] === '1' ? 'success' : 'failure', log: (found[2] ?? '').trim() };
}
