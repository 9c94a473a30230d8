/**
 * A queue between callbacks and one `for await`. It ends at once when `signal` aborts (what is still queued is
 * dropped: nobody wants it any more) or `end()` is called, and throws what `fail()` was given.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #signal: AbortSignal;
  #items: T[] = [];
  #state: 'open' | 'ended' | { readonly error: unknown } = 'open';
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  push(item: T): void {
    if (this.#state !== 'open' || this.#signal.aborted) {
      return;
    }
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    if (this.#state === 'open') {
      this.#state = 'ended';
    }
    this.#wake();
  }

  fail(error: unknown): void {
    if (this.#state === 'open') {
      this.#state = { error };
    }
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const onAbort = () => this.#wake();
    this.#signal.addEventListener('abort', onAbort);
    try {
      while (!this.#signal.aborted) {
        const items = this.#items;
        this.#items = [];
        for (const item of items) {
          yield item;
          if (this.#signal.aborted) {
            return;
          }
        }
        if (this.#items.length > 0) {
          continue;
        }
        if (this.#state === 'ended') {
          return;
        }
        if (this.#state !== 'open') {
          throw this.#state.error;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (this.#signal.aborted) {
            resolve();
          }
        });
      }
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      this.#items = [];
    }
  }
}

/**
 * Turns work that pushes events into an async iterable: `work` starts with the first turn, gets a signal that
 * aborts when the caller's does or when the consumer leaves its loop, and has ended before the iterable has.
 */
export async function* eventsOf<T>(
  signal: AbortSignal,
  work: (queue: EventQueue<T>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  const left = new AbortController();
  const onAbort = () => left.abort();
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) {
    left.abort();
  }
  const queue = new EventQueue<T>(left.signal);
  const done = work(queue, left.signal).then(
    () => queue.end(),
    (error: unknown) => queue.fail(error),
  );
  try {
    yield* queue;
  } finally {
    left.abort();
    await done;
    signal.removeEventListener('abort', onAbort);
  }
}
