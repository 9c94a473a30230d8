import type { Emit } from '../events.ts';
import { clock, rest } from '../ports/clock.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Mailbox } from '../reconcile/mailbox.ts';
import type { Believed } from './believed.ts';

export interface BelievedWatchOptions {
  readonly believed: Believed;
  readonly control: HaproxyControl;
  readonly mailbox: Mailbox;
  readonly emit: Emit;
}

/** How often it looks whether a hold is over or somebody asked for a release. */
const LOOK = 500;
/** How often HAProxy is asked which servers are DOWN, while something is held. */
const ASK = 1_000;

/**
 * The time around the guard: ends holds, asks HAProxy which held servers are DOWN, notices `pointsman release`, and
 * gives up waiting for the sources of a start. Runs until `signal` aborts.
 */
export async function watchBelieved(options: BelievedWatchOptions, signal: AbortSignal): Promise<void> {
  const { believed, mailbox, emit } = options;
  const began = clock.now();
  let waiting = true;
  let askedAt = Number.NEGATIVE_INFINITY;
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
    const due = clock.now() - askedAt >= ASK;
    if (due) {
      askedAt = clock.now();
    }
    await lookOnce(options, signal, due ? 'all' : 'own');
    await rest(waiting ? Math.min(LOOK, Math.max(1, left)) : LOOK, signal);
  }
}

/** One look: holds that are over, a release, and with `all` what HAProxy calls DOWN. */
export async function lookOnce(
  options: BelievedWatchOptions,
  signal: AbortSignal,
  what: 'all' | 'own' = 'all',
): Promise<void> {
  const { believed, mailbox } = options;
  const news = (count: number, how: string) => {
    if (count > 0) {
      mailbox.post(`${count} held ${count === 1 ? 'key' : 'keys'} ${how}`);
    }
  };
  news(believed.turn(), 'held for long enough');
  await lookForRelease(options);
  if (what === 'all' && believed.held > 0) {
    news(await letGoDown(options, signal), 'down');
  }
}

/** A request that came before the sources' first answer holds for that one too. */
async function lookForRelease({ believed, mailbox }: BelievedWatchOptions): Promise<void> {
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

/** The template's names are `be_<service>` and the instance's id; with others nothing is let go this way. */
async function letGoDown({ believed, control }: BelievedWatchOptions, signal: AbortSignal): Promise<number> {
  const down = (await control.downServers?.(signal)) ?? null;
  if (down === null || down.size === 0) {
    return 0;
  }
  const keys = [...believed.heldInstances()].flatMap(({ service, id, key }) =>
    down.has(`be_${service}/${id}`) ? [key] : [],
  );
  return believed.letGo(keys, 'down');
}
