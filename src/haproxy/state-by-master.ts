import type { HaproxyState } from '../ports/haproxy.ts';
import type { MasterSocket, Proc } from './master-socket.ts';
import { whereNoAnswer } from './socket-command.ts';

/** Asks the master socket for the state; `seen` gets each answer to `show proc`. Throws only when aborted. */
export function stateByMaster(
  master: MasterSocket,
  signal: AbortSignal,
  seen: (proc: Proc) => void = () => undefined,
): Promise<HaproxyState> {
  return whereNoAnswer(see(master, signal, seen), ({ advice }) => ({ kind: 'away', cause: advice }));
}

async function see(
  master: MasterSocket,
  signal: AbortSignal,
  seen: (proc: Proc) => void,
): Promise<HaproxyState> {
  const proc = await master.showProc(signal);
  seen(proc);
  const { worker, version, reloads, failed, oldWorkers } = proc;
  if (!worker) {
    const cause = `the haproxy master ${proc.master} has no worker. Look at its log if this stays so.`;
    return { kind: 'away', cause };
  }
  return {
    kind: 'running',
    pid: worker.pid,
    mark: await master.mark(worker.pid, signal),
    version: worker.version ?? version,
    reloads,
    failedReloads: failed,
    oldWorkers: oldWorkers.length,
  };
}
