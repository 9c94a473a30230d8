import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';

/** A text that was refused or did not load, until its next try. */
export class Shelved {
  readonly #retry = new BackOff();
  #last: { readonly hash: string; readonly until: number } | undefined;

  /** How often in a row. */
  get failures(): number {
    return this.#retry.failures;
  }

  /** Another failure of this text; gives the pause until its next try in milliseconds. */
  failed(hash: string): number {
    if (this.#last && this.#last.hash !== hash) {
      this.#retry.succeeded();
    }
    const pause = this.#retry.failed();
    this.#last = { hash, until: clock.now() + pause };
    return pause;
  }

  succeeded(): void {
    this.#retry.succeeded();
    this.#last = undefined;
  }

  /** How long this text must still wait; 0 where it need not. */
  waitOf(hash: string): number {
    return this.#last?.hash === hash ? Math.max(0, this.#last.until - clock.now()) : 0;
  }
}
