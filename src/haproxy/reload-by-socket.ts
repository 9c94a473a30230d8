import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeSocket } from './runtime-socket.ts';
import { SocketError } from './socket-command.ts';

/** The worker that takes new connections, as the stats socket shows it. */
export interface SeenWorker {
  readonly pid: number;
  readonly mark: string | null;
  readonly version: string;
}

/**
 * Asks the stats socket which worker takes new connections and which text it runs. Null where nobody answers, where an old worker
 * does, or where the worker changed in between.
 */
export async function seeWorker(runtime: RuntimeSocket, signal: AbortSignal): Promise<SeenWorker | null> {
  try {
    const before = await runtime.info(signal);
    const mark = await runtime.mark(signal);
    const after = await runtime.info(signal);
    if (before.stopping || after.pid !== before.pid) {
      return null;
    }
    return { pid: before.pid, mark, version: before.version };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SocketError) {
      return null;
    }
    throw error;
  }
}

/** What is waited for on the stats socket. */
export interface ExpectedWorker {
  readonly runtime: RuntimeSocket;
  readonly mark: string;
  /** The worker of before: another one has to answer. */
  readonly before: number | null;
  /** Milliseconds. */
  readonly patience: number;
}

/** Waits until a new worker answers with the mark. Null where none does in time. */
export async function awaitWorker(expected: ExpectedWorker, signal: AbortSignal): Promise<number | null> {
  const end = Date.now() + expected.patience;
  for (;;) {
    const worker = await seeWorker(expected.runtime, signal);
    if (worker && worker.pid !== expected.before && worker.mark === expected.mark) {
      return worker.pid;
    }
    if (Date.now() > end) {
      return null;
    }
    await sleep(50, undefined, { signal });
  }
}
