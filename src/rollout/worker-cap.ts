import type { Emit } from '../events.ts';
import type { HaproxyState } from '../ports/haproxy.ts';

const PATIENCE = 30_000;

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

  /** Milliseconds that a reload has to wait at most; `now` is of `clock.now()`. */
  left(state: HaproxyState, now: number): number {
    const { most, patience = PATIENCE } = this.#options;
    if (oldWorkersOf(state) < most) {
      this.#since = null;
      return 0;
    }
    return Math.max(0, (this.#since ?? now) + patience - now);
  }

  /** A reload waits: said once for each that does. */
  waits(state: HaproxyState, now: number): void {
    const { most, patience = PATIENCE, emit } = this.#options;
    if (this.#since !== null) {
      return;
    }
    this.#since = now;
    const limit = `haproxy.maxOldWorkers is ${most}`;
    const cause = `${oldWorkersOf(state)} old workers still serve connections (${limit}); at most ${patience / 1000} s for one of them to end`;
    emit({ kind: 'reload-delayed', cause });
  }

  /** A reload went out: the next one waits anew. */
  reloaded(): void {
    this.#since = null;
  }
}

function oldWorkersOf(state: HaproxyState): number {
  return state.kind === 'away' ? 0 : (state.oldWorkers ?? 0);
}
