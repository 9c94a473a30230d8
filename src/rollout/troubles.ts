import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';
import type { Trouble } from './facts.ts';

/** What went wrong with a set, without the time until its next try. */
export type FoundTrouble = Trouble extends infer T ? (T extends Trouble ? Omit<T, 'waitMs'> : never) : never;

/** So many sets are remembered: what is desired, installed and ahead are three. */
const REMEMBERED = 8;

/** Remembers the sets that were refused or did not load, by their hashes, each with growing pauses until its next try. */
export class Troubles {
  readonly #of = new Map<string, { found: FoundTrouble; until: number; readonly backOff: BackOff }>();

  /** Another failure of this set; gives the pause until its next try in milliseconds. */
  add(hash: string, found: FoundTrouble): number {
    const backOff = this.#of.get(hash)?.backOff ?? new BackOff();
    const pause = backOff.failed();
    this.#of.delete(hash);
    this.#of.set(hash, { found, until: clock.now() + pause, backOff });
    const [oldest] = this.#of.keys();
    if (oldest !== undefined && this.#of.size > REMEMBERED) {
      this.#of.delete(oldest);
    }
    return pause;
  }

  /** What holds this set back; null where it may be tried. A refusal is judged before that, however late. */
  of(hash: string): Trouble | null {
    const known = this.#of.get(hash);
    if (!known) {
      return null;
    }
    const waitMs = Math.max(0, known.until - clock.now());
    const isOpen = known.found.kind !== 'failed' && !known.found.judged;
    return waitMs > 0 || isOpen ? { ...known.found, waitMs } : null;
  }

  /** Milliseconds until this set may be tried again. */
  waitOf(hash: string | undefined): number {
    return hash === undefined ? 0 : (this.of(hash)?.waitMs ?? 0);
  }

  /** How often in a row. */
  failuresOf(hash: string): number {
    return this.#of.get(hash)?.backOff.failures ?? 0;
  }

  /** The quarantine was asked about it, and knows nothing better. */
  judged(hash: string): void {
    const known = this.#of.get(hash);
    if (known && known.found.kind !== 'failed') {
      known.found = { ...known.found, judged: true };
    }
  }

  /** This set was accepted. */
  forget(hash: string): void {
    this.#of.delete(hash);
  }

  /** A new one is installed and runs: what was wrong before may be mended with it. */
  clear(): void {
    this.#of.clear();
  }
}
