import { z } from 'zod';
import type { StateFile } from '../ports/stores.ts';

const LINGERING_SERVER = z.object({
  backend: z.string(),
  server: z.string(),
  /** `host:port` as it was when it left; empty where nobody saw it. */
  address: z.string(),
  /** What `add server` would have said of it; null where nobody knows. */
  keywords: z.array(z.string()).nullable(),
  /** Milliseconds since 1970. */
  since: z.number(),
  /** Milliseconds since 1970. */
  drainUntil: z.number(),
  phase: z.enum(['draining', 'leaving']),
});
/** A worker in a file of `stateDir`. */
export const WORKER_ID = z.object({ pid: z.number(), startedAt: z.number() });
const FILE = z.object({
  worker: WORKER_ID,
  leavers: z.array(LINGERING_SERVER),
});

/** A server that is not in the file any more, and still in the worker: `draining` or in maintenance, `leaving`. */
export type LingeringServer = Readonly<z.infer<typeof LINGERING_SERVER>>;

/** A worker, also across a restart of the machine. `startedAt` is in seconds since 1970. */
export interface WorkerId {
  readonly pid: number;
  readonly startedAt: number;
}

/** Of the journal's form: raised where an older Pointsman would misread it. */
const VERSION = 1;

/** Seconds by which two readings of `startedAt` may differ: HAProxy tells whole seconds of uptime. */
const TOLERANCE = 3;

/** Which worker this is, from `show info` at this moment. */
export function workerId(info: { readonly pid: number; readonly uptime: number }): WorkerId {
  return { pid: info.pid, startedAt: Math.round(Date.now() / 1000 - info.uptime) };
}

/** Whether two readings are of the same worker. */
export function isSameWorker(one: WorkerId | null, other: WorkerId): boolean {
  return one?.pid === other.pid && Math.abs(one.startedAt - other.startedAt) <= TOLERANCE;
}

/** The servers that linger in one worker, in memory and in a file. A new worker has none of them. */
export class ServerJournal {
  readonly #file: StateFile;
  #worker: WorkerId | null = null;
  readonly #lingering = new Map<string, LingeringServer>();

  constructor(file: StateFile) {
    this.#file = file;
  }

  /** Reads what an earlier process has left; a file that is missing or damaged counts as an empty one. */
  async load(): Promise<void> {
    try {
      const { worker, leavers } = FILE.parse(JSON.parse((await this.#file.read()) ?? 'null'));
      this.#worker = worker;
      for (const lingering of leavers) {
        this.put(lingering);
      }
    } catch {
      // Then nothing is known to linger.
    }
  }

  /** Throws a `SystemError`. */
  async save(): Promise<void> {
    if (!this.#worker) {
      return;
    }
    await this.#file.write(JSON.stringify({ version: VERSION, worker: this.#worker, leavers: this.all() }));
  }

  /** Says which worker is there. Of another one than before nothing is known: the journal is empty then. */
  follow(worker: WorkerId): void {
    if (!isSameWorker(this.#worker, worker)) {
      this.#lingering.clear();
      this.#worker = worker;
    }
  }

  /** Those that linger, in the order in which they left. */
  all(): LingeringServer[] {
    return [...this.#lingering.values()];
  }

  get(backend: string, server: string): LingeringServer | undefined {
    return this.#lingering.get(key(backend, server));
  }

  put(lingering: LingeringServer): void {
    this.#lingering.set(key(lingering.backend, lingering.server), lingering);
  }

  drop(backend: string, server: string): void {
    this.#lingering.delete(key(backend, server));
  }
}

function key(backend: string, server: string): string {
  return `${backend}/${server}`;
}
