import { readFile } from 'node:fs/promises';
import { statsSocketPaths } from '../plan/global-lines.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import { seeWorker } from './reload-by-socket.ts';
import { RuntimeSocket } from './runtime-socket.ts';

/** A HAProxy that is there and cannot be asked what it runs, and why. */
export function unseen(pid: number | null, why: string | null): HaproxyState {
  return {
    ...(why === null ? {} : { why }),
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
  if (!worker) {
    return null;
  }
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

/** The stats socket of the settings, or why it cannot be used; null where there is no text yet. */
export type UsedSocket =
  | { readonly runtime: RuntimeSocket }
  | { readonly runtime: null; readonly why: string | null };

/**
 * The stats socket of the settings, where the installed text opens it. A user's template may have none: then an
 * absent socket says nothing about HAProxy.
 */
export async function usedSocket(statsSocket: string | null, configPath: string): Promise<UsedSocket> {
  if (statsSocket === null || statsSocket === '') {
    return { runtime: null, why: 'haproxy.statsSocket is empty' };
  }
  const text = await readFile(configPath, 'utf8').catch(() => null);
  if (text === null) {
    return { runtime: null, why: null };
  }
  const why = whyNotOpened(text, statsSocket);
  return why === null ? { runtime: new RuntimeSocket(statsSocket) } : { runtime: null, why };
}

/** Null where a text opens the stats socket of the settings; else what it opens instead, and what to do. */
export function whyNotOpened(text: string, statsSocket: string): string | null {
  const paths = statsSocketPaths(text);
  if (paths.includes(statsSocket)) {
    return null;
  }
  const opened = paths.length === 0 ? 'no stats socket' : `the stats socket ${paths.join(', ')}`;
  return `the configuration opens ${opened}, and haproxy.statsSocket is ${statsSocket}; write "stats socket {{ haproxy.statsSocket }} level admin" in the template, or correct the setting`;
}
