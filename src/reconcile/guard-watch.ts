import { clock, rest } from '../ports/clock.ts';
import type { BelievedStore } from '../ports/stores.ts';
import type { Parts } from './parts.ts';

/** How often it looks whether a hold is over or somebody asked for a release. */
const LOOK = 500;

/** The time around the guard: ends holds, and notices `pointsman release`. Runs until `signal` aborts. */
export async function watchGuard(parts: Parts, store: BelievedStore, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await lookOnce(parts, store);
    await rest(LOOK, signal);
  }
}

/** Gives up waiting for the sources of a start, where they do not answer in time. */
export async function waitForSources(
  { trees, mailbox, quarantine, emit }: Parts,
  signal: AbortSignal,
): Promise<void> {
  await rest(trees.wait, signal);
  if (signal.aborted || !trees.giveUpWaiting()) {
    return;
  }
  quarantine.look();
  for (const { of, error } of trees.staleStates()) {
    const { index, name } = of;
    const why = error?.message ?? null;
    emit({ kind: 'source-state', source: index, name, state: 'stale', error: why });
  }
  mailbox.post('the sources do not answer');
}

/** One look: holds that are over, and a release. One that was asked for before the sources' first answer holds for that too. */
export async function lookOnce(
  { trees, mailbox, quarantine, account }: Pick<Parts, 'trees' | 'mailbox' | 'quarantine' | 'account'>,
  store: BelievedStore,
): Promise<void> {
  const ended = trees.turn();
  account.came(ended.changes, { at: clock.now() });
  quarantine.look();
  if (ended.changed > 0) {
    mailbox.post(`${keys(ended.changed)} held for long enough`);
  }
  const by = await store.releaseAsked();
  if (by === null) {
    return;
  }
  const released = trees.release();
  account.came(released.changes, { at: clock.now(), ...(by === '' ? {} : { by }) });
  quarantine.look();
  if (trees.answered) {
    await store.releaseDone();
  }
  if (released.changed > 0 || trees.answered) {
    mailbox.post(`${keys(released.changed)} released${by === '' ? '' : ` by ${by}`}`);
  }
}

function keys(held: number): string {
  return `${held} held ${held === 1 ? 'key' : 'keys'}`;
}
