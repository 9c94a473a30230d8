import type { Emit } from '../events.ts';
import { clock } from '../ports/clock.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Mail } from './mailbox.ts';

/** `pace` of the settings, in milliseconds, and what limits the old workers. */
export interface PaceOptions {
  readonly quiet: number;
  readonly maxWait: number;
  readonly reloadInterval: number;
  /** What this host adds before a reload, so that a fleet does not reload in the same moment. @default 0 */
  readonly splay?: number;
  /** `haproxy.maxOldWorkers`. @default no limit */
  readonly maxOldWorkers?: number;
  /** Milliseconds that a reload waits at most for one of them to end. @default 30 s */
  readonly patience?: number;
}

const DEFAULTS = { splay: 0, maxOldWorkers: Number.POSITIVE_INFINITY, patience: 30_000 };

/**
 * Says when what happened goes out: a first change at once, those that follow it after `quiet` without another,
 * at the latest `maxWait` after the first of them; reloads no closer than `reloadInterval`, and not while as many old
 * workers as are allowed still serve connections. Not for ever: what is new must reach traffic, so after 30 s it goes
 * out all the same, and HAProxy's own `mworker-max-reloads` ends the oldest ones.
 */
export class Pace {
  #options: Required<PaceOptions>;
  readonly #emit: Emit;
  #lastMail = Number.NEGATIVE_INFINITY;
  #lastReload = Number.NEGATIVE_INFINITY;
  /** When the first change came that no pass has settled yet, and until when the burst is waited for. */
  #firstAt = Number.POSITIVE_INFINITY;
  #calmAt = Number.NEGATIVE_INFINITY;
  /** Since when a reload waits for old workers. */
  #waitsSince: number | null = null;

  constructor(options: PaceOptions, emit: Emit) {
    this.#options = { ...DEFAULTS, ...options };
    this.#emit = emit;
  }

  /** Goes by these from now on. */
  follow(options: PaceOptions): void {
    this.#options = { ...DEFAULTS, ...options };
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
    const { reloadInterval, splay } = this.#options;
    return Math.max(this.#lastReload + reloadInterval, this.#calmAt + splay);
  }

  /** Milliseconds for which a reload waits at most for old workers to end. */
  workersMs(state: HaproxyState): number {
    const { maxOldWorkers, patience } = this.#options;
    if (oldWorkersOf(state) < maxOldWorkers) {
      this.#waitsSince = null;
      return 0;
    }
    const now = clock.now();
    return Math.max(0, (this.#waitsSince ?? now) + patience - now);
  }

  /** A reload waits for old workers: said once for each that does. */
  waitsForWorkers(state: HaproxyState): void {
    const { maxOldWorkers, patience } = this.#options;
    if (this.#waitsSince !== null) {
      return;
    }
    this.#waitsSince = clock.now();
    const limit = `haproxy.maxOldWorkers is ${maxOldWorkers}`;
    const cause = `${oldWorkersOf(state)} old workers still serve connections (${limit}); at most ${patience / 1000} s for one of them to end`;
    this.#emit({ kind: 'reload-delayed', cause });
  }

  /** A reload was made or tried: the next one waits anew. */
  reloaded(): void {
    this.#lastReload = clock.now();
    this.#waitsSince = null;
  }
}

function oldWorkersOf(state: HaproxyState): number {
  return state.kind === 'away' ? 0 : (state.oldWorkers ?? 0);
}
