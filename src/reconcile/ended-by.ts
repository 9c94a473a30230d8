import { clock } from '../ports/clock.ts';

/** Waits for `work`, but once `signal` aborts for no longer than `ms`. Rejects where it does. */
export async function endedBy(signal: AbortSignal, work: Promise<unknown>, ms: number): Promise<void> {
  let cancel = () => {};
  let onAbort = () => {};
  const over = new Promise<void>((resolve) => {
    onAbort = () => {
      cancel = clock.after(ms, resolve);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
    }
  });
  try {
    await Promise.race([work, over]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    cancel();
  }
}
