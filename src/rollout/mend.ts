import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Rollout } from './rollout.ts';
import type { Stopwatch } from './stopwatch.ts';

/**
 * Brings HAProxy back to the installed text where a newer one cannot take its place (it is refused, or the template
 * is broken) and HAProxy runs neither: somebody had it load another file. Tried with growing pauses.
 */
export class Mend {
  readonly #rollout: Rollout;
  readonly #retry = new BackOff();
  #due = Number.NEGATIVE_INFINITY;

  constructor(rollout: Rollout) {
    this.#rollout = rollout;
  }

  /** Gives the time of `clock.now()` at which it has to be tried again; infinity where it need not. */
  async settle(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<number> {
    const text = this.#rollout.installedText;
    if (text === null || this.#rollout.needOfInstalled(state).kind !== 'load') {
      return Number.POSITIVE_INFINITY;
    }
    if (clock.now() < this.#due) {
      return this.#due;
    }
    const result = await this.#rollout.load(text, { watch, signal, before: null });
    if ('retryInMs' in result) {
      this.#due = clock.now() + this.#retry.failed();
      return this.#due;
    }
    this.#retry.succeeded();
    return Number.POSITIVE_INFINITY;
  }
}
