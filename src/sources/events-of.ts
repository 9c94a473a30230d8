/** Puts an event behind those that wait. */
export type Push<T> = (event: T) => void;

/** Events that wait, the first one first. */
export interface Queue<T> {
  push(event: T): void;
  /** Takes the first one out. */
  shift(): T | undefined;
}

/**
 * Turns work that pushes events into an async iterable: `work` starts with the first turn, gets a signal that
 * aborts when the caller's does or when the consumer leaves its loop, and has ended before the iterable has. That
 * ends with the work, and throws what it threw; at once when `signal` aborts: nobody wants what still waits.
 * What waits lies in `queue`.
 */
export async function* eventsOf<T extends object>(
  signal: AbortSignal,
  work: (push: Push<T>, signal: AbortSignal) => Promise<void>,
  queue: Queue<T> = [],
): AsyncGenerator<T, void, undefined> {
  const left = new AbortController();
  const inner = AbortSignal.any([signal, left.signal]);
  let over = null as { readonly error?: unknown } | null;
  let wake: () => void = () => undefined;
  const push = (event: T) => {
    queue.push(event);
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
      // One at a time: what comes meanwhile may be joined with those that still wait.
      const event = queue.shift();
      if (event !== undefined) {
        yield event;
      } else if (over) {
        if ('error' in over) {
          throw over.error;
        }
        return;
      } else {
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
