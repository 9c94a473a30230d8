import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../ports/clock.ts';
import { type HaproxyState, saysTheSame } from '../ports/haproxy.ts';

/** How to follow a HAProxy. */
export interface StateWatch {
  state(signal: AbortSignal): Promise<HaproxyState>;
  /** Resolves when nothing of ours is in the way (a reload of our own). */
  idle(): Promise<void>;
  /**
   * Asked when nobody answers: `gone` is believed at once, `busy` (a master that loads: it refuses meanwhile)
   * is waited for up to 15 s, `unknown` for 450 ms.
   */
  absence?(): Promise<'gone' | 'busy' | 'unknown'>;
  /** Called with a function that makes it look at once; gives the function that undoes it. */
  onHint?(look: () => void): () => void;
}

const PAUSE = 300;

/**
 * Yields the state now, and then whenever HAProxy came, went or changed its worker or mark. Asks every 300 ms on
 * fresh connections, so that it is seen within 1 s. Ends without an error when `signal` aborts.
 */
export async function* watchState(watch: StateWatch, signal: AbortSignal): AsyncGenerator<HaproxyState> {
  let last: HaproxyState | null = null;
  let wake = new AbortController();
  const undo = watch.onHint?.(() => wake.abort());
  try {
    for (;;) {
      wake = new AbortController();
      const state = await look(watch, last, signal);
      if (last === null || !saysTheSame(last, state)) {
        last = state;
        yield state;
      }
      signal.throwIfAborted();
      await rest(PAUSE, signal, wake.signal);
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  } finally {
    undo?.();
  }
}

/** One look; an absence after a presence is only believed when it lasts, for a reload looks the same. */
async function look(
  watch: StateWatch,
  last: HaproxyState | null,
  signal: AbortSignal,
): Promise<HaproxyState> {
  const started = Date.now();
  for (;;) {
    await watch.idle();
    signal.throwIfAborted();
    const state = await watch.state(signal);
    if (state.kind !== 'away' || last === null || last.kind === 'away') {
      return state;
    }
    const absence = (await watch.absence?.()) ?? 'unknown';
    const patience = absence === 'gone' ? 0 : absence === 'busy' ? 15_000 : 450;
    if (Date.now() - started >= patience) {
      return state;
    }
    await sleep(75, undefined, { signal });
  }
}
