import { setTimeout as sleep } from 'node:timers/promises';

/** How long something is waited for, in milliseconds. */
export interface Waiting {
  readonly limit: number;
  /** Between two looks. */
  readonly every: number;
  readonly signal?: AbortSignal;
}

/** Looks until `look` gives something; null where it gives nothing within the limit. Rejects when `signal` aborts. */
export async function until<T>(
  look: () => Promise<T | null>,
  { limit, every, signal }: Waiting,
): Promise<T | null> {
  const end = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found !== null || Date.now() > end) {
      return found;
    }
    await sleep(every, undefined, signal && { signal });
  }
}
