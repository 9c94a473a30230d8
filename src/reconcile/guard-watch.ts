import type { Emit } from '../events.ts';
import { clock, rest } from '../ports/clock.ts';
import type { BelievedStore } from '../ports/stores.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import type { Mailbox } from './mailbox.ts';
import type { Trees } from './trees.ts';

export interface GuardWatchOptions {
  readonly trees: Trees;
  readonly store: Pick<BelievedStore, 'releaseAsked' | 'releaseDone'>;
  readonly mailbox: Mailbox;
  readonly quarantine: Pick<Quarantine, 'served'>;
  readonly emit: Emit;
}

/** How often it looks whether a hold is over or somebody asked for a release. */
const LOOK = 500;

/**
 * The time around the guard: ends holds, notices `pointsman release`, and gives up waiting for the sources of a start.
 * Runs until `signal` aborts.
 */
export async function watchGuard(options: GuardWatchOptions, signal: AbortSignal): Promise<void> {
  const { trees, mailbox, quarantine, emit } = options;
  const began = clock.now();
  let waiting = true;
  while (!signal.aborted) {
    const left = began + trees.wait - clock.now();
    if (waiting && (left <= 0 || trees.answered)) {
      waiting = false;
      const served = trees.giveUpWaiting();
      if (served) {
        quarantine.served(served);
        for (const { of, error } of trees.staleStates()) {
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
export async function lookOnce(options: Omit<GuardWatchOptions, 'emit'>): Promise<void> {
  const { trees, mailbox, quarantine } = options;
  const { changed, served } = trees.turn();
  quarantine.served(served);
  if (changed > 0) {
    mailbox.post(`${changed} held ${changed === 1 ? 'key' : 'keys'} held for long enough`);
  }
  await lookForRelease(options);
}

/** A request that came before the sources' first answer holds for that one too. */
async function lookForRelease(options: Omit<GuardWatchOptions, 'emit'>): Promise<void> {
  const { trees, store, mailbox, quarantine } = options;
  if (!(await store.releaseAsked())) {
    return;
  }
  const { changed, served } = trees.release();
  quarantine.served(served);
  if (trees.answered) {
    await store.releaseDone();
  }
  if (changed > 0 || trees.answered) {
    mailbox.post(`${changed} held ${changed === 1 ? 'key' : 'keys'} released`);
  }
}
