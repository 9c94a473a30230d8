import type { Emit } from '../events.ts';
import type { HaproxyState } from '../ports/haproxy.ts';

/** What limits the old workers. */
export interface WorkerCapOptions {
  /** `haproxy.maxOldWorkers`. */
  readonly most: number;
  /** Milliseconds that a reload waits at most for one of them to end. @default 30 s */
  readonly patience?: number;
  readonly emit: Emit;
}

/**
 * Holds a reload back while as many old workers as are allowed still serve connections. Not for ever: what is
 * new must reach traffic, so after 30 s it goes out all the same, and HAProxy's own `mworker-max-reloads` ends the
 * oldest ones.
 */
export class WorkerCap {
  readonly #options: WorkerCapOptions;
  #since: number | null = null;

  constructor(options: WorkerCapOptions) {
    this.#options = options;
  }

  /** Whether a reload has to wait; said once for each that does. `now` is of `clock.now()`. */
  holds(state: HaproxyState, now: number): boolean {
    const { most, patience = 30_000, emit } = this.#options;
    const old = state.kind === 'away' ? 0 : (state.oldWorkers ?? 0);
    if (old < most) {
      this.#since = null;
      return false;
    }
    if (this.#since === null) {
      this.#since = now;
      const limit = `haproxy.maxOldWorkers is ${most}`;
      const cause = `${old} old workers still serve connections (${limit}); at most ${patience / 1000} s for one of them to end`;
      emit({ kind: 'reload-delayed', cause });
    }
    return now - this.#since < patience;
  }

  /** A reload went out: the next one waits anew. */
  reloaded(): void {
    this.#since = null;
  }
}
