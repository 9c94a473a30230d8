import { setTimeout as sleep } from 'node:timers/promises';
import type { ReloadOutcome } from '../ports/haproxy.ts';
import { continueStopped, haproxyLives } from './haproxy-process.ts';
import type { MasterSocket, Proc, ReloadAnswer } from './master-socket.ts';
import { askReload, isPassing, type ReloadStart } from './reload-answer.ts';
import { quietly } from './socket-command.ts';
import { until } from './until.ts';

/** What a reload through the master socket needs. */
export interface MasterReload {
  readonly master: MasterSocket;
  /** The file that HAProxy is believed to load, for messages. */
  readonly configPath: string;
  /** The mark that its text carries. */
  readonly mark: string;
  /** What HAProxy has said on its output since the reload began, where that is ours to read. */
  readonly log: () => string;
}

/** What one try came to. */
type Try =
  | { readonly kind: 'runs'; readonly pid: number }
  | { readonly kind: 'failed' }
  /** The new worker died, and the master with it or soon after. */
  | { readonly kind: 'gone' }
  /** The counter did not move: the request came while another reload ran. */
  | { readonly kind: 'lost' }
  /** It loaded, but not this text: another reload read the file before it was written. */
  | { readonly kind: 'other'; readonly mark: string | null };

const TRIES = 5;

/**
 * Has the master load the file, and waits until the facts say how it went. 2.7 and newer answer `Success=`; 2.6
 * says nothing, so its counters decide: one more reload and none failed, or one more that failed. From 3.1 on the
 * counters move when a worker begins to load, and one that loads is waited for. Either way it counts only when a new
 * worker answers with the mark, and when the master has answered again and 50 ms have passed: before that it would lose
 * the next request. A lost one is sent again, and so is one that somebody else's reload ran into. Throws a
 * `SocketError` where nobody answers at the beginning.
 */
export async function reloadByMaster(reload: MasterReload, signal: AbortSignal): Promise<ReloadOutcome> {
  const first = await firstProc(reload.master, signal);
  const known = new Set([first.worker, ...first.oldWorkers].map((one) => one?.pid));
  const visible = await haproxyLives(first.master);
  let before = first;
  let said = '';
  let last: Try = { kind: 'lost' };
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const answer = await askReload(reload.master, { before, known }, signal);
    said = answer.kind === 'silent' ? '' : answer.log;
    last = await settle({ reload, before, known, answer, visible, signal });
    await sleep(50, undefined, { signal });
    if (last.kind === 'runs') {
      return { kind: 'verified', pid: last.pid, tries, log: said || reload.log() };
    }
    if (last.kind === 'failed' || last.kind === 'gone') {
      break;
    }
    before = await firstProc(reload.master, signal);
  }
  return { kind: 'failed', message: whyFailed(reload, last, said || reload.log()) };
}

/** `show proc`, past the moments in which a reload of somebody else refuses it. */
async function firstProc(master: MasterSocket, signal: AbortSignal): Promise<Proc> {
  const look = () =>
    master.showProc(signal).catch((error: unknown) => {
      if (isPassing(error)) {
        return null;
      }
      throw error;
    });
  return (await until(look, { limit: 1500, every: 40, signal })) ?? master.showProc(signal);
}

interface Settling extends ReloadStart {
  readonly reload: MasterReload;
  readonly answer: ReloadAnswer;
  /** Its master lives in our PID namespace, so that its end shows. */
  readonly visible: boolean;
  readonly signal: AbortSignal;
}

/** Patience in ms: a master that loads refuses for as long as the load takes. */
const LOADING = { visible: 60_000, hidden: 10_000 };
/** And in all, whatever it alternates between. */
const MORE = 30_000;
const STANDSTILL = 400;
const STUCK = 400;
const OTHER_TEXT = 600;

async function settle(settling: Settling): Promise<Try> {
  const { before, answer, signal } = settling;
  const master = settling.reload.master;
  const patience = settling.visible ? LOADING.visible : LOADING.hidden;
  const end = Date.now() + patience + MORE;
  let refused: number | null = null;
  let loading: number | null = null;
  let still: number | null = null;
  let other: number | null = null;
  for (;;) {
    const now = Date.now();
    if (now > end) {
      return { kind: 'failed' };
    }
    const trouble = refused ?? other;
    if (settling.visible && trouble !== null && now - trouble > STUCK) {
      await continueStopped(before.master);
    }
    const proc = await quietly(master.showProc(signal));
    if (!proc) {
      refused ??= now;
      const dead = settling.visible && !(await haproxyLives(before.master));
      if (dead || now - refused > patience) {
        return { kind: 'gone' };
      }
    } else {
      refused = null;
      if (answer.kind === 'failure' || answer.kind === 'busy') {
        return { kind: 'failed' };
      }
      const moved = proc.master !== before.master || proc.reloads > before.reloads;
      if (moved && answer.kind === 'silent' && proc.failed > 0) {
        return { kind: 'failed' };
      }
      const worker = proc.worker?.pid;
      const fresh = moved && worker !== undefined && !settling.known.has(worker) ? worker : null;
      const mark = fresh === null ? null : await quietly(master.mark(fresh, signal, 2000));
      if (moved && proc.loading) {
        loading ??= now;
        other = null;
        if (now - loading > patience) {
          return { kind: 'failed' };
        }
      } else if (fresh !== null && mark === settling.reload.mark) {
        if (await quietly(master.showProc(signal))) {
          return { kind: 'runs', pid: fresh };
        }
      } else if (moved) {
        other ??= now;
        // Only a worker of before is left and no load failed: the new one died after its start.
        if (now - other > OTHER_TEXT) {
          return fresh === null ? { kind: 'gone' } : { kind: 'other', mark };
        }
      } else {
        still ??= now;
        if (now - still > STANDSTILL) {
          return { kind: 'lost' };
        }
      }
    }
    await sleep(25, undefined, { signal });
  }
}

function whyFailed(reload: MasterReload, last: Try, said: string): string {
  const log =
    said === '' ? 'what it said is in its own log (HAProxy before 2.7 does not tell)' : `it said:\n${said}`;
  const loading = `loading ${reload.configPath}`;
  switch (last.kind) {
    case 'failed':
      return `${loading}: HAProxy goes on with what it had; ${log}`;
    case 'gone':
      return `${loading}: HAProxy ended over it (its new worker died: a missing chroot, a limit); ${log}`;
    case 'other':
      return `${loading}: HAProxy loaded another text (mark ${last.mark ?? 'none'}, not ${reload.mark}); start it with -f and this very file`;
    case 'lost':
      return `${loading}: HAProxy did not take up ${TRIES} requests; ${log}`;
    case 'runs':
      return `${loading}: it runs`;
  }
}
