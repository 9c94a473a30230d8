import { clock, rest } from '../ports/clock.ts';

/**
 * How long the loop waits for a search: 2·(culprits+1)+1+log2(parts) checks and `patience` milliseconds. Beyond
 * that the search goes on behind the loop, and leaves the processor as much time as it takes.
 */
export class CheckBudget {
  /** Resolves when the loop should not wait any longer. */
  readonly exceeded: Promise<'exceeded'>;
  readonly #signal: AbortSignal;
  #isExceeded = false;
  readonly #exceed: () => void;
  readonly #stopWaiting: () => void;
  #spent: number;
  #allowed = 2;
  #lastSpent = clock.now();

  constructor(options: { readonly patience: number; readonly spent: number; readonly signal: AbortSignal }) {
    this.#signal = options.signal;
    this.#spent = options.spent;
    const { promise, resolve } = Promise.withResolvers<'exceeded'>();
    this.exceeded = promise;
    const cancel = clock.after(options.patience, () => this.#exceed(), 'lazy');
    this.#stopWaiting = () => {
      cancel();
      options.signal.removeEventListener('abort', this.#stopWaiting);
    };
    this.#exceed = () => {
      this.#stopWaiting();
      this.#isExceeded = true;
      resolve('exceeded');
    };
    options.signal.addEventListener('abort', this.#stopWaiting);
  }

  /** The search ended. Node keeps a signal made of others while somebody listens to it, and with it all that the search knew. */
  end(): void {
    this.#stopWaiting();
  }

  /** So many culprits are found, among so many parts. */
  found(culprits: number, parts: number): void {
    this.#allowed = 2 * (culprits + 1) + 1 + Math.ceil(Math.log2(Math.max(1, parts)));
  }

  /** Before each check: waits where the loop has stopped waiting. Rejects when the search is to end. */
  async spend(): Promise<void> {
    this.#signal.throwIfAborted();
    const now = clock.now();
    this.#spent++;
    if (!this.#isExceeded && this.#spent > this.#allowed) {
      this.#exceed();
    }
    if (this.#isExceeded) {
      await rest(Math.min(1000, now - this.#lastSpent), this.#signal);
    }
    this.#signal.throwIfAborted();
    this.#lastSpent = clock.now();
  }
}
