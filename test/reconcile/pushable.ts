/** An async iterable that a test pushes into. */
export function pushable<T>() {
  const waiting: T[] = [];
  let wake = () => {};
  return {
    push(value: T) {
      waiting.push(value);
      wake();
    },
    async *watch(signal: AbortSignal): AsyncIterable<T> {
      while (!signal.aborted) {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          yield next;
        }
        if (signal.aborted) {
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
  };
}
