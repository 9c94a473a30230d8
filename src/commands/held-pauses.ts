import { rest } from '../ports/clock.ts';
import type { HeldPauses } from '../ports/stores.ts';
import { isLocked } from '../state/lock.ts';
import { readHeldPauses } from '../state/pause-notes.ts';

/** Milliseconds for which a daemon's answer is waited for; it looks for a pause about three times a second. */
export const PATIENCE = 10_000;

/** What became of a question to the daemon of a state folder. */
export type DaemonAnswer =
  | { readonly kind: 'answered'; readonly held: HeldPauses | null }
  | { readonly kind: 'no daemon' }
  /** One runs and has not answered in time: it is at work on something, or hangs. */
  | { readonly kind: 'silent' };

/** Waits until what the daemon says of pauses is as `isRight` wants it. */
export async function awaitPauses(
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
