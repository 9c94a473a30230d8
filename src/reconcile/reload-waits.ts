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

  /** It is too soon after the last reload. */
  get isEarly(): boolean {
    return this.#options.pace.reloadDue() > clock.now();
  }

  /** Waits until HAProxy may be reloaded again. True when something newer arrived in the meantime. */
  async pace(watch: Stopwatch, signal: AbortSignal): Promise<boolean> {
    if (!this.isEarly) {
      return false;
    }
    const { pace, turns, mailbox } = this.#options;
    await watch.time('pause', async () => {
      while (!signal.aborted) {
        turns.turn();
        const left = pace.reloadDue() - clock.now();
        if (left <= 0) {
          return;
        }
        await mailbox.wait(Math.min(TURN_MS, left), signal);
        if (mailbox.peek()) {
          return;
        }
      }
    });
    return mailbox.peek() !== undefined;
  }

  /** Waits a moment where too many old workers are left. True when it did. */
  async workers(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<boolean> {
    const { cap, mailbox } = this.#options;
    if (!cap.holds(state, clock.now())) {
      return false;
    }
    await watch.time('pause', () => mailbox.wait(TURN_MS / 2, signal));
    return true;
  }

  /** A reload was made, or tried. */
  reloaded(): void {
    this.#options.pace.reloaded(clock.now());
    this.#options.cap.reloaded();
  }
}
