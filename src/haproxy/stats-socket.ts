import { readFile } from 'node:fs/promises';
import type { RunningHaproxy, UnseenHaproxy } from '../events-haproxy.ts';
import { statsSocketPaths } from '../plan/global-lines.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { quietly } from './socket-command.ts';
import { until } from './until.ts';

/**
 * The path of the stats socket of the settings, where the installed text opens it; null, and what is known of HAProxy
 * then. A user's template may open none: then an absent socket says nothing about HAProxy.
 */
export async function usedSocket(
  statsSocket: string,
  configPath: string,
): Promise<{ readonly socket: string | null; readonly unseen: UnseenHaproxy }> {
  if (statsSocket === '') {
    return { socket: null, unseen: { kind: 'unseen', why: 'haproxy.statsSocket is empty' } };
  }
  const text = await readFile(configPath, 'utf8').catch(() => null);
  const why = text === null ? null : whyNotOpened(text, statsSocket);
  const opened = text !== null && why === null;
  return { socket: opened ? statsSocket : null, unseen: { kind: 'unseen', ...(why !== null && { why }) } };
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

/**
 * Asks the stats socket which worker takes new connections and which text it runs. It knows nothing of the master's
 * counters. Null where nobody answers, or an old worker does.
 */
export function seeWorker(socket: string, signal: AbortSignal): Promise<RunningHaproxy | null> {
  const asked = async () => {
    await using session = new RuntimeSession(socket, signal);
    const mark = parseMark(await session.ask(ASK_MARK));
    const { pid, version, stopping } = await session.info();
    return stopping ? null : ({ kind: 'running', pid, mark, version } as const);
  };
  return quietly(asked());
}

/** What is waited for on the stats socket. */
export interface ExpectedWorker {
  readonly socket: string;
  readonly mark: string;
  /** The worker of before: another one has to answer. */
  readonly before: number | null;
  /** Milliseconds. */
  readonly patience: number;
}

/** Waits until a new worker answers with the mark. Null where none does in time. */
export function awaitWorker(
  { socket, mark, before, patience }: ExpectedWorker,
  signal: AbortSignal,
): Promise<number | null> {
  const look = async () => {
    const worker = await seeWorker(socket, signal);
    return worker && worker.pid !== before && worker.mark === mark ? worker.pid : null;
  };
  return until(look, { limit: patience, every: 50, signal });
}
