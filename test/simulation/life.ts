import type { Random } from './random.ts';
import type { Owner } from './virtual-time.ts';
import type { World } from './world.ts';

/** One life of Pointsman, from its start to its end or until it is killed. */
export class Life implements Owner {
  readonly #world: World;
  readonly random: Random;
  readonly stop = new AbortController();
  #isAlive = true;
  /** It is killed at its so manieth step from now on, of those at the same thing where one is named. */
  #stepsLeft = Number.POSITIVE_INFINITY;
  #at: string | undefined;
  #onKilled: () => void = () => {};

  constructor(world: World, random: Random) {
    this.#world = world;
    this.random = random;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** It came to its end by itself. */
  ended(): void {
    this.#isAlive = false;
  }

  /** It is killed at its so manieth step (at `at`) from now on; then `onKilled` is called. */
  killAfter(steps: number, onKilled: () => void, at?: string): void {
    this.#stepsLeft = steps;
    this.#at = at;
    this.#onKilled = onKilled;
  }

  /**
   * Does something in the world: it takes its time before and after that. Whoever is killed before or after it never
   * hears of it.
   */
  async step<T>(what: string, effect: () => T): Promise<T> {
    await this.#lag();
    this.#mayEnd(what, 'before');
    if (!this.#isAlive) {
      return new Promise(() => {});
    }
    const result = effect();
    this.#mayEnd(what, 'after');
    await this.#lag();
    return this.#isAlive ? result : new Promise(() => {});
  }

  /** Waits so long. Rejects when `signal` aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => {
        cancel();
        // A dead one hears of nothing.
        if (this.#isAlive) {
          reject(signal?.reason);
        }
      };
      const cancel = this.#world.time.after(
        ms,
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        this,
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The same, but it only ends earlier then. */
  rest(ms: number, signal: AbortSignal): Promise<void> {
    return this.until((wake) => this.#world.time.after(ms, wake, this), signal);
  }

  /** Until `listen` calls its argument, or `signal` aborts. */
  until(listen: (wake: () => void) => () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        if (this.#isAlive) {
          resolve();
        }
      };
      const stop = listen(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) {
        done();
      }
    });
  }

  async #lag(): Promise<void> {
    const { lag, time } = this.#world;
    if (lag > 0 && this.random.chance(0.25)) {
      await time.sleep(this.random.chance(0.1) ? this.random.whole(0, lag) : this.random.whole(0, 10), this);
    }
    if (!this.#isAlive) {
      await new Promise(() => {});
    }
  }

  #mayEnd(what: string, when: 'before' | 'after'): void {
    const isCounted = this.#at === undefined || this.#at === what;
    if (!this.#isAlive || !isCounted || --this.#stepsLeft >= 0) {
      return;
    }
    this.#stepsLeft = Number.POSITIVE_INFINITY;
    this.#isAlive = false;
    this.#world.say(`Pointsman is killed ${when} ${what}`);
    this.#onKilled();
  }
}
