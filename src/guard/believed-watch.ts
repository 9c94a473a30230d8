import type { Emit } from '../events.ts';
import { clock, rest } from '../ports/clock.ts';
import type { Mailbox } from '../reconcile/mailbox.ts';
import type { Believed } from './believed.ts';

export interface BelievedWatchOptions {
  readonly believed: Believed;
  readonly mailbox: Mailbox;
  readonly emit: Emit;
}

/** How often it looks whether a hold is over or somebody asked for a release. */
const LOOK = 500;

/**
 * The time around the guard: ends holds, notices `pointsman release`, and gives up waiting for the sources of a start.
 * Runs until `signal` aborts.
 */
export async function watchBelieved(options: BelievedWatchOptions, signal: AbortSignal): Promise<void> {
  const { believed, mailbox, emit } = options;
  const began = clock.now();
  let waiting = true;
  while (!signal.aborted) {
    const left = began + believed.wait - clock.now();
    if (waiting && (left <= 0 || believed.answered)) {
      waiting = false;
      if (believed.giveUpWaiting()) {
        for (const { of, error } of believed.staleStates()) {
          const { index, name } = of;
          emit({ kind: 'source-state', source: index, name, state: 'stale', error: error?.message ?? null });
        }
        mailbox.post('the sources do not answer');
      }
    }
    await lookOnce(options);
    await rest(waiting ? Math.min(LOOK, Math.max(1, left)) : LOOK, signal);
  }
}

/** One look: holds that are over, and a release. */
export async function lookOnce(options: Omit<BelievedWatchOptions, 'emit'>): Promise<void> {
  const { believed, mailbox } = options;
  const count = believed.turn();
  if (count > 0) {
    mailbox.post(`${count} held ${count === 1 ? 'key' : 'keys'} held for long enough`);
  }
  await lookForRelease(options);
}

/** A request that came before the sources' first answer holds for that one too. */
async function lookForRelease({ believed, mailbox }: Omit<BelievedWatchOptions, 'emit'>): Promise<void> {
  const { store } = believed;
  if (!(await store.releaseAsked())) {
    return;
  }
  const count = believed.release();
  if (believed.answered) {
    await store.releaseDone();
  }
  if (count > 0 || believed.answered) {
    mailbox.post(`${count} held ${count === 1 ? 'key' : 'keys'} released`);
  }
}
