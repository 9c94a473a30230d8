import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterSocket, Proc, ReloadAnswer } from './master-socket.ts';
import { quietly, SocketError } from './socket-command.ts';

/** Where HAProxy was before the reload. */
export interface ReloadStart {
  readonly before: Proc;
  /** The workers that were there before. */
  readonly known: ReadonlySet<number | undefined>;
}

/** How long it may refuse to be asked, how long another load may take, and how long an answer may be missing, in ms. */
const PATIENCE = { refused: 1500, busy: 60_000, missing: 1000 };

/**
 * Asks the master to reload, past the moments in which it refuses that, and gives its answer. A reload that is followed
 * at once by somebody else's may never be answered (3.2, 3.4): it is `silent` where a second has gone since the
 * facts were there. Throws only when aborted.
 */
export async function askReload(
  master: MasterSocket,
  start: ReloadStart,
  signal: AbortSignal,
): Promise<ReloadAnswer> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const both = [ask(master, either), missing(master, start, either)];
  try {
    return await Promise.race(both);
  } finally {
    done.abort();
    await Promise.allSettled(both);
  }
}

/** Whether an error is one of the moments of a reload. */
export function isPassing(error: unknown): boolean {
  return error instanceof SocketError && (error.trouble === 'refused' || error.trouble === 'cut');
}

async function ask(master: MasterSocket, signal: AbortSignal): Promise<ReloadAnswer> {
  const start = Date.now();
  for (;;) {
    try {
      const answer = await master.reload(signal);
      if (answer.kind !== 'busy' || Date.now() > start + PATIENCE.busy) {
        return answer;
      }
    } catch (error) {
      signal.throwIfAborted();
      // Refused: a reload runs. Whatever else it is, the facts that follow will tell.
      if (!isPassing(error) || Date.now() > start + PATIENCE.refused) {
        return { kind: 'silent' };
      }
    }
    await sleep(40, undefined, { signal });
  }
}

async function missing(
  master: MasterSocket,
  { before, known }: ReloadStart,
  signal: AbortSignal,
): Promise<ReloadAnswer> {
  let since: number | null = null;
  for (;;) {
    await sleep(200, undefined, { signal });
    const proc = await quietly(master.showProc(signal));
    const moved = proc !== null && (proc.master !== before.master || proc.reloads > before.reloads);
    const worker = moved && !known.has(proc.worker?.pid) ? proc.worker : null;
    const over = moved && (proc.failed > 0 || worker !== null);
    since = over ? (since ?? Date.now()) : null;
    if (since !== null && Date.now() - since > PATIENCE.missing) {
      return { kind: 'silent' };
    }
  }
}
