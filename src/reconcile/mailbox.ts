import { clock, rest } from '../ports/clock.ts';

/** What woke the loop since the last turn. */
export interface Mail {
  /** For people, each once: `etcd: 3 keys changed`, `template changed`. */
  readonly triggers: readonly string[];
  /** When the first and the last of them came, in milliseconds of `clock.now()`. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/**
 * One slot: whoever posts never waits, whoever takes gets everything since the last time. The state itself
 * lies elsewhere; the mail only says "look again", so that the last state always wins.
 */
export class Mailbox {
  #mail: Mail | undefined;
  #posted = new AbortController();

  post(trigger: string): void {
    const lastAt = clock.now();
    const { triggers = [], firstAt = lastAt } = this.#mail ?? {};
    this.#mail = {
      triggers: triggers.includes(trigger) ? triggers : [...triggers, trigger],
      firstAt,
      lastAt,
    };
    this.#posted.abort();
  }

  /** What lies there, without taking it; undefined when it is empty. */
  peek(): Mail | undefined {
    return this.#mail;
  }

  take(): Mail | undefined {
    const mail = this.#mail;
    this.#mail = undefined;
    return mail;
  }

  /** Resolves at the next post, after `ms`, or when `signal` aborts, whichever is first. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#posted = new AbortController();
    return rest(ms, signal, this.#posted.signal);
  }
}
