import type { HaproxyState } from '../ports/haproxy.ts';
import type { MasterSocket, Proc } from './master-socket.ts';
import { SocketError } from './socket-command.ts';

/** Asks the master socket for the state; `seen` gets each answer to `show proc`. Throws only when aborted. */
export async function stateByMaster(
  master: MasterSocket,
  signal: AbortSignal,
  seen: (proc: Proc) => void = () => undefined,
): Promise<HaproxyState> {
  try {
    const proc = await master.showProc(signal);
    seen(proc);
    if (!proc.worker) {
      return {
        kind: 'away',
        cause: `the haproxy master ${proc.master} has no worker. Look at its log if this stays so.`,
      };
    }
    return {
      kind: 'running',
      pid: proc.worker.pid,
      mark: await master.mark(proc.worker.pid, signal),
      version: proc.worker.version ?? proc.version,
      reloads: proc.reloads,
      failedReloads: proc.failed,
      oldWorkers: proc.oldWorkers.length,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SocketError) {
      return { kind: 'away', cause: error.advice };
    }
    throw error;
  }
}
