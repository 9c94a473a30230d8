import { readFile } from 'node:fs/promises';
import type { HaproxyState } from '../reconcile/interfaces.ts';
import { seeWorker } from './reload-by-socket.ts';
import { RuntimeSocket } from './runtime-socket.ts';

/** A HAProxy that is there and cannot be asked what it runs. */
export function unseen(pid: number | null): HaproxyState {
  return {
    kind: 'running',
    pid,
    mark: null,
    version: null,
    reloads: null,
    failedReloads: null,
    oldWorkers: null,
    verifiable: false,
  };
}

/** The state by the stats socket: counters are the master's own, so there are none. Null where nobody answers. */
export async function stateBySocket(
  runtime: RuntimeSocket,
  signal: AbortSignal,
): Promise<HaproxyState | null> {
  const worker = await seeWorker(runtime, signal);
  if (!worker) return null;
  const { pid, mark, version } = worker;
  return {
    kind: 'running',
    pid,
    mark,
    version,
    reloads: null,
    failedReloads: null,
    oldWorkers: null,
    verifiable: true,
  };
}

/**
 * The stats socket of the settings, where the installed text opens it. A user's template may have none: then an
 * absent socket says nothing about HAProxy.
 */
export async function usedSocket(
  statsSocket: string | null,
  configPath: string,
): Promise<RuntimeSocket | null> {
  if (statsSocket === null || statsSocket === '') return null;
  const text = await readFile(configPath, 'utf8').catch(() => '');
  const opened = text.split('\n').some((line) => {
    const words = line.trim().split(/\s+/);
    return words[0] === 'stats' && words[1] === 'socket' && words[2]?.replace(/^unix@/, '') === statsSocket;
  });
  return opened ? new RuntimeSocket(statsSocket) : null;
}
