import { clock, rest } from '../ports/clock.ts';
import type { BelievedStore } from '../ports/stores.ts';
import type { Parts } from './parts.ts';

/** Where a person asks for a release. */
export type ReleaseStore = Pick<BelievedStore, 'releaseAsked' | 'releaseDone'>;

/** How often it looks whether a hold is over or somebody asked for a release. */
const LOOK = 500;

/**
 * The time around the guard: ends holds, notices `pointsman release`, and gives up waiting for the sources of a start.
 * Runs until `signal` aborts.
 */
export async function watchGuard(parts: Parts, store: ReleaseStore, signal: AbortSignal): Promise<void> {
  const { trees, mailbox, quarantine, emit } = parts;
  const began = clock.now();
  let waiting = true;
  while (!signal.aborted) {
    const left = began + trees.wait - clock.now();
    if (waiting && (left <= 0 || trees.answered)) {
      waiting = false;
      if (trees.giveUpWaiting()) {
        quarantine.look();
        for (const { of, error } of trees.staleStates()) {
          const { index, name } = of;
          emit({ kind: 'source-state', source: index, name, state: 'stale', error: error?.message ?? null });
        }
        mailbox.post('the sources do not answer');
      }
    }
    await lookOnce(parts, store);
    await rest(waiting ? Math.min(LOOK, Math.max(1, left)) : LOOK, signal);
  }
}

/** One look: holds that are over, and a release. One that was asked for before the sources' first answer holds for that too. */
export async function lookOnce(
  { trees, mailbox, quarantine }: Pick<Parts, 'trees' | 'mailbox' | 'quarantine'>,
  store: ReleaseStore,
): Promise<void> {
  const ended = trees.turn();
  quarantine.look();
  if (ended.changed > 0) {
    mailbox.post(`${keys(ended.changed)} held for long enough`);
  }
  if (!(await store.releaseAsked())) {
    return;
  }
  const released = trees.release();
  quarantine.look();
  if (trees.answered) {
    await store.releaseDone();
  }
  if (released.changed > 0 || trees.answered) {
    mailbox.post(`${keys(released.changed)} released`);
  }
}

function keys(held: number): string {
  return `${held} held ${held === 1 ? 'key' : 'keys'}`;
}
