import { BackOff } from '../ports/back-off.ts';
import type { Trouble } from './facts.ts';

/** So many sets are remembered: what is desired, installed and ahead are three. */
const REMEMBERED = 8;

/** Remembers the sets that were refused or did not load, by their hashes, each with growing pauses until its next try. */
export class Troubles {
  readonly #of = new Map<string, { readonly trouble: Trouble; readonly backOff: BackOff }>();

  /** Another failure of this set; gives the pause until its next try in milliseconds. */
  add(hash: string, trouble: Trouble): number {
    const backOff = this.#of.get(hash)?.backOff ?? new BackOff();
    this.#of.delete(hash);
    this.#of.set(hash, { trouble, backOff });
    const [oldest] = this.#of.keys();
    if (oldest !== undefined && this.#of.size > REMEMBERED) {
      this.#of.delete(oldest);
    }
    return backOff.failed();
  }

  /** What holds this set back; null where it may be tried. A refusal is judged before that, however late. */
  of(hash: string | undefined): Trouble | null {
    const known = hash === undefined ? undefined : this.#of.get(hash);
    if (!known) {
      return null;
    }
    const { trouble, backOff } = known;
    const isOpen = trouble.kind !== 'failed' && !trouble.judged;
    return isOpen || backOff.waitMs > 0 ? trouble : null;
  }

  /** Whether any set is held back, or was. */
  get isAny(): boolean {
    return this.#of.size > 0;
  }

  /** Milliseconds until this set may be tried again. */
  waitOf(hash: string | undefined): number {
    return (hash === undefined ? undefined : this.#of.get(hash)?.backOff.waitMs) ?? 0;
  }

  /** How often in a row. */
  failuresOf(hash: string): number {
    return this.#of.get(hash)?.backOff.failures ?? 0;
  }

  /** The quarantine was asked about it, and knows nothing better. */
  judged(hash: string): void {
    const known = this.#of.get(hash);
    if (known && known.trouble.kind !== 'failed') {
      this.#of.set(hash, { ...known, trouble: { ...known.trouble, judged: true } });
    }
  }

  /** Nobody knows that it is this set that is wrong: what went out of it stays, and all of it is tried again. */
  excuse(hash: string): void {
    const known = this.#of.get(hash);
    if (known?.trouble.kind === 'refused') {
      const { by = 'check', output: message } = known.trouble;
      const trouble: Trouble =
        by === 'check' ? { ...known.trouble, excused: true } : { kind: 'failed', message };
      this.#of.set(hash, { ...known, trouble });
    }
  }

  /** It is this set that is wrong, whatever was said before. */
  blame(hash: string): void {
    const known = this.#of.get(hash);
    if (known?.trouble.kind === 'refused') {
      const { excused: _, ...trouble } = known.trouble;
      this.#of.set(hash, { ...known, trouble });
    }
  }

  /** It was looked for what is wrong for longer than its pause: that begins anew. */
  waitAnew(hash: string): void {
    this.#of.get(hash)?.backOff.failed();
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
