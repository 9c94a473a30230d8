import { clock } from './clock.ts';

export interface BackOffOptions {
  /** Milliseconds before the second try. @default 1000 */
  readonly first?: number;
  /** Milliseconds that no pause is longer than. @default 60,000 */
  readonly longest?: number;
  /** The share of a pause that is up to chance, so that a fleet does not come back in step. @default 0 */
  readonly spread?: number;
}

/** The pause after so many failures in a row (1 is the first), in milliseconds: it doubles with each. */
export function pauseAfter(failures: number, options: BackOffOptions = {}): number {
  const { first = 1000, longest = 60_000, spread = 0 } = options;
  const pause = Math.min(longest, first * 2 ** Math.max(0, failures - 1));
  return spread === 0 ? pause : pause * (1 - spread * Math.random());
}

/** Growing pauses between tries of something that fails. */
export class BackOff {
  readonly #options: BackOffOptions;
  #failures = 0;
  #until = 0;

  constructor(options: BackOffOptions = {}) {
    this.#options = options;
  }

  /** How often in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds until the next try; 0 where it may be. */
  get waitMs(): number {
    return Math.max(0, this.#until - clock.now());
  }

  /** Counts a failure, and gives the pause until the next try in milliseconds. */
  failed(): number {
    this.#failures++;
    const pause = pauseAfter(this.#failures, this.#options);
    this.#until = clock.now() + pause;
    return pause;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = 0;
  }
}
