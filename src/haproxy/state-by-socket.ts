import { readFile } from 'node:fs/promises';
import type { RunningHaproxy, UnseenHaproxy } from '../events-haproxy.ts';
import { statsSocketPaths } from '../plan/global-lines.ts';
import { seeWorker } from './reload-by-socket.ts';
import { RuntimeSocket } from './runtime-socket.ts';

/** The state by the stats socket, which knows nothing of the master's counters. Null where nobody answers. */
export async function stateBySocket(
  runtime: RuntimeSocket,
  signal: AbortSignal,
): Promise<RunningHaproxy | null> {
  const worker = await seeWorker(runtime, signal);
  return worker && { kind: 'running', ...worker };
}

/** The stats socket of the settings, or what is known of HAProxy without it. */
export type UsedSocket =
  | { readonly runtime: RuntimeSocket }
  | { readonly runtime: null; readonly unseen: UnseenHaproxy };

/**
 * The stats socket of the settings, where the installed text opens it. A user's template may have none: then an
 * absent socket says nothing about HAProxy.
 */
export async function usedSocket(statsSocket: string | null, configPath: string): Promise<UsedSocket> {
  if (statsSocket === null || statsSocket === '') {
    return { runtime: null, unseen: { kind: 'unseen', why: 'haproxy.statsSocket is empty' } };
  }
  const text = await readFile(configPath, 'utf8').catch(() => null);
  if (text === null) {
    return { runtime: null, unseen: { kind: 'unseen' } };
  }
  const why = whyNotOpened(text, statsSocket);
  return why === null
    ? { runtime: new RuntimeSocket(statsSocket) }
    : { runtime: null, unseen: { kind: 'unseen', why } };
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
