import type { Mail } from './mailbox.ts';

/** `pace` of the settings, in milliseconds. */
export interface PaceOptions {
  readonly quiet: number;
  readonly maxWait: number;
  readonly reloadInterval: number;
  /** What this host adds before a reload, so that a fleet does not reload in the same moment. @default 0 */
  readonly splay?: number;
}

/**
 * Says when what happened goes out: a first change at once, those that follow it after `quiet` without another,
 * at the latest `maxWait` after the first of them; reloads no closer than `reloadInterval`.
 */
export class Pace {
  readonly #options: PaceOptions;
  #lastMail = Number.NEGATIVE_INFINITY;
  #lastReload = Number.NEGATIVE_INFINITY;
  /** When the first change came that no pass has settled yet, and until when the burst is waited for. */
  #firstAt = Number.POSITIVE_INFINITY;
  #calmAt = Number.NEGATIVE_INFINITY;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** The time at which this mail is due; not after now means at once. */
  due(mail: Mail): number {
    const { quiet, maxWait } = this.#options;
    const first = Math.min(mail.firstAt, this.#firstAt);
    const calm = first - this.#lastMail >= quiet;
    return calm ? mail.firstAt : Math.min(mail.lastAt + quiet, first + maxWait);
  }

  /** This mail was taken. */
  took(mail: Mail): void {
    this.#calmAt = this.due(mail);
    this.#firstAt = Math.min(mail.firstAt, this.#firstAt);
    this.#lastMail = mail.lastAt;
  }

  /** A pass came to its end: what comes next is a burst of its own. */
  settled(): void {
    this.#firstAt = Number.POSITIVE_INFINITY;
  }

  /** The earliest time of the next reload: apart from the last one, and after the burst. */
  reloadDue(): number {
    const { reloadInterval, splay = 0 } = this.#options;
    return Math.max(this.#lastReload + reloadInterval, this.#calmAt + splay);
  }

  /** A reload was asked for at `now`. */
  reloaded(now: number): void {
    this.#lastReload = now;
  }
}
