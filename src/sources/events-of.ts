/** Puts an event behind those that wait. */
export type Push<T> = (event: T) => void;

/**
 * Turns work that pushes events into an async iterable: `work` starts with the first turn, gets a signal that
 * aborts when the caller's does or when the consumer leaves its loop, and has ended before the iterable has. That
 * ends with the work, and throws what it threw; at once when `signal` aborts: nobody wants what still waits.
 */
export async function* eventsOf<T>(
  signal: AbortSignal,
  work: (push: Push<T>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  const left = new AbortController();
  const inner = AbortSignal.any([signal, left.signal]);
  const waiting: T[] = [];
  let over = null as { readonly error?: unknown } | null;
  let wake: () => void = () => undefined;
  const push = (event: T) => {
    waiting.push(event);
    wake();
  };
  const finish = (how: { readonly error?: unknown }) => {
    over = how;
    wake();
  };
  inner.addEventListener('abort', () => wake(), { once: true });
  const done = work(push, inner).then(
    () => finish({}),
    (error: unknown) => finish({ error }),
  );
  try {
    while (!inner.aborted) {
      for (const event of waiting.splice(0)) {
        yield event;
        if (inner.aborted) {
          return;
        }
      }
      if (over && waiting.length === 0) {
        if ('error' in over) {
          throw over.error;
        }
        return;
      }
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    left.abort();
    await done;
  }
}
