import { clock } from '../ports/clock.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Stopwatch } from '../rollout/stopwatch.ts';
import type { WorkerCap } from '../rollout/worker-cap.ts';
import type { Mailbox } from './mailbox.ts';
import type { Pace } from './pace.ts';
import { TURN_MS, type Turns } from './turns.ts';

/** What a reload waits with. */
export interface ReloadWaitsOptions {
  readonly pace: Pace;
  readonly cap: WorkerCap;
  readonly turns: Turns;
  readonly mailbox: Mailbox;
}

/** What a reload has to wait for: the last one, and old workers that are still there. */
export class ReloadWaits {
  readonly #options: ReloadWaitsOptions;

  constructor(options: ReloadWaitsOptions) {
    this.#options = options;
  }

  /** Milliseconds until HAProxy may be reloaded again. */
  get paceMs(): number {
    return Math.max(0, this.#options.pace.reloadDue() - clock.now());
  }

  /** Milliseconds for which old workers are waited for. */
  workersMs(state: HaproxyState, now: number): number {
    return this.#options.cap.left(state, now);
  }

  /** Waits until HAProxy may be reloaded again, or something newer arrives. */
  async pace(watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const { turns, mailbox } = this.#options;
    await watch.time('pause', async () => {
      while (!signal.aborted && this.paceMs > 0 && !mailbox.peek()) {
        turns.turn();
        await mailbox.wait(Math.min(TURN_MS, this.paceMs), signal);
      }
    });
  }

  /** Waits a moment for old workers to end, or until something newer arrives. */
  async workers(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const { cap, mailbox } = this.#options;
    cap.waits(state, clock.now());
    await watch.time('pause', () => mailbox.wait(TURN_MS / 2, signal));
  }

  /** A reload was made, or tried. */
  reloaded(): void {
    this.#options.pace.reloaded(clock.now());
    this.#options.cap.reloaded();
  }
}
