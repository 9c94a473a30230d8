import { setTimeout as sleep } from 'node:timers/promises';
import type { ReloadOutcome } from '../ports/haproxy.ts';
import { endGroup } from '../system/process-group.ts';
import type { HaproxyChild } from './haproxy-child.ts';
import type { HaproxyOutput } from './haproxy-output.ts';
import type { MasterSocket } from './master-socket.ts';
import { stateByMaster } from './state-by-master.ts';

/** A HAProxy that was just started. */
export interface HaproxyStart {
  readonly child: HaproxyChild;
  readonly master: MasterSocket;
  readonly output: HaproxyOutput;
  /** How many lines had come before. */
  readonly firstLine: number;
  readonly masterSocket: string;
  readonly configPath: string;
}

/**
 * Waits until it answers, for `patience` ms; then it is ended. Gives what is wrong with its last words, or null.
 */
export async function awaitStart(
  start: HaproxyStart,
  patience: number,
  signal: AbortSignal,
): Promise<string | null> {
  const { child, master } = start;
  const end = Date.now() + patience;
  for (;;) {
    const proc = await master.showProc(signal).catch(() => null);
    if (proc?.worker && proc.master === child.pid) {
      return null;
    }
    const ended = child.ended();
    if (ended !== null) {
      return failure(start, ended, signal);
    }
    if (Date.now() > end) {
      if (child.pid !== undefined) {
        await endGroup(child.pid);
      }
      const found = `it did not answer on ${start.masterSocket} in ${patience / 1000} s, so it was ended`;
      return failure(start, found, signal);
    }
    await sleep(25, undefined, { signal });
  }
}

/** Waits until it runs the text of this mark. */
export async function verifyStart(
  start: HaproxyStart,
  mark: string,
  signal: AbortSignal,
): Promise<ReloadOutcome> {
  const end = Date.now() + 5000;
  for (;;) {
    const state = await stateByMaster(start.master, signal);
    if (state.kind === 'running' && state.mark === mark) {
      await sleep(50, undefined, { signal });
      return { kind: 'verified', pid: state.pid, tries: 1, log: start.output.linesAfter(start.firstLine) };
    }
    const ended = start.child.ended();
    if (ended !== null || Date.now() > end) {
      const found = ended ?? `it does not answer with this text's mark (${mark})`;
      return { kind: 'failed', message: await failure(start, found, signal) };
    }
    await sleep(25, undefined, { signal });
  }
}

/** Its last words may still be in the pipe. */
async function failure(start: HaproxyStart, found: string, signal: AbortSignal): Promise<string> {
  await sleep(50, undefined, { signal });
  const said = start.output.linesAfter(start.firstLine);
  return `starting HAProxy on ${start.configPath}: ${found}. ${said}`.trim();
}
