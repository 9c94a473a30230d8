import { rest } from '../ports/clock.ts';
import type { HeldPauses, PauseWish } from '../ports/stores.ts';
import { isLocked } from '../state/lock.ts';
import { readHeldPauses } from '../state/pause-notes.ts';
import { askDaemon, type Question, sayInstead } from './ask-daemon.ts';
import type { PauseAnswer } from './control-questions.ts';
import type { Io } from './io.ts';

/** Milliseconds for which a daemon's answer is waited for; it looks for a pause about three times a second. */
export const PATIENCE = 10_000;

/** What became of a question to the daemon of a state folder. */
export type DaemonAnswer =
  | { readonly kind: 'answered'; readonly held: HeldPauses | null }
  | { readonly kind: 'no daemon' }
  /** One runs and has not answered in time: it is at work on something, or hangs. */
  | { readonly kind: 'silent' };

/** What a command asks of the pauses. */
interface PauseQuestion {
  readonly question: Question;
  /** Until when `pointsman pause` is to hold afterwards; null where it is not to. */
  readonly host: number | null;
  /** Does the same by files, where the daemon does not answer. */
  readonly byFile: () => Promise<Ended>;
}

/** What was taken back. */
export interface Ended {
  /** The pause of this host. */
  readonly ended: PauseWish | null;
  /** The number of the entry that was put back. */
  readonly rollback: number | null;
}

/**
 * Has the daemon begin or end the pause of this host, or does so by files where it does not answer; waits until what it says
 * of its pauses is as it should be.
 */
export async function changePause(
  io: Io,
  stateDir: string,
  { question, host, byFile }: PauseQuestion,
): Promise<Ended & { readonly answer: DaemonAnswer }> {
  io.waitsFor('the daemon');
  const isRight = (held: HeldPauses | null) => (held?.host ?? null) === host;
  let says = await askDaemon(stateDir, question, io);
  if (says.kind !== 'answered') {
    sayInstead(io, stateDir, says, 'it is written down for it instead');
    const taken = await byFile();
    return { answer: await awaitPauses(stateDir, isRight, io.signal), ...taken };
  }
  const { ended = null, rollback = null } = says.body as PauseAnswer;
  const taken = { ended, rollback };
  const end = performance.now() + PATIENCE;
  while (says.kind === 'answered') {
    const { held } = says.body as PauseAnswer;
    if (isRight(held)) {
      return { answer: { kind: 'answered', held }, ...taken };
    }
    if (performance.now() > end) {
      return { answer: { kind: 'silent' }, ...taken };
    }
    says = await askDaemon(stateDir, { path: `/pause${host === null ? '' : `?until=${host}`}` }, io);
  }
  // What it was asked is on the disk by now.
  return { answer: await awaitPauses(stateDir, isRight, io.signal), ...taken };
}

/** Waits until what the daemon says of pauses is as `isRight` wants it. */
async function awaitPauses(
  stateDir: string,
  isRight: (held: HeldPauses | null) => boolean,
  signal: AbortSignal,
): Promise<DaemonAnswer> {
  const end = performance.now() + PATIENCE;
  for (let look = 0; performance.now() < end && !signal.aborted; look += 1) {
    // First: what a daemon that died has left there says nothing.
    if (look % 20 === 0 && (await isLocked(stateDir)) === false) {
      return { kind: 'no daemon' };
    }
    const held = await readHeldPauses(stateDir);
    if (isRight(held)) {
      return { kind: 'answered', held };
    }
    await rest(50, signal);
  }
  return { kind: 'silent' };
}
