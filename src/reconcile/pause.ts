import type { Emit } from '../events.ts';
import { parseDuration } from '../model/duration.ts';
import type { Entry } from '../model/entry.ts';
import { clock, rest } from '../ports/clock.ts';
import type { PauseNotes, PauseWish } from '../ports/stores.ts';
import type { Mailbox } from './mailbox.ts';

/** What pauses are known by. */
export interface PauseOptions {
  readonly notes: PauseNotes;
  /** The pause keys that are there now, as the sources give them. */
  readonly keys: () => readonly Entry[];
  readonly mailbox: Mailbox;
  /** Ends what goes on behind the loop, resolved when it has; with false it goes on. */
  readonly hold?: (held: boolean) => Promise<void>;
  readonly emit: Emit;
}

/** Milliseconds between two looks: a pause is noticed within 1 s. */
const LOOK = 300;
const REMINDER = 60_000;

/**
 * Knows whether a person has the wheel: by `pointsman pause` on this host, or by a key for the whole fleet. Of
 * several the longest counts. It ends by itself.
 */
export class Pause {
  readonly #options: PauseOptions;
  #wish: PauseWish | null = null;
  #told: { readonly wish: PauseWish; readonly at: number } | null = null;
  #wrong = '';
  #host: PauseWish | null = null;
  #others: readonly PauseWish[] = [];
  /** Nothing is under way, and nothing begins. */
  #isHeld = false;
  #said: string | null = null;

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  /** The pause that holds now, or null. */
  get now(): PauseWish | null {
    return this.#wish !== null && this.#wish.until > clock.date() ? this.#wish : null;
  }

  /** Looks for a pause, and tells of a change. */
  async look(): Promise<void> {
    const { notes, mailbox, emit } = this.#options;
    this.#host = await notes.read();
    this.#others = (await this.#ofKeys()).filter((wish) => wish !== null);
    const wishes = [this.#host, ...this.#others].filter((wish) => wish !== null);
    this.#wish = wishes.sort((one, other) => other.until - one.until)[0] ?? null;
    const now = this.now;
    await this.#answer();
    const told = this.#told;
    if (now === null) {
      if (told === null) {
        return;
      }
      this.#told = null;
      const cause = told.wish.until > clock.date() ? `${told.wish.by} was taken back` : 'its time is over';
      emit({ kind: 'resumed', cause });
      mailbox.post('the pause ended');
      return;
    }
    const same = told?.wish.until === now.until && told.wish.by === now.by;
    if (same && clock.now() - told.at < REMINDER) {
      return;
    }
    this.#told = { wish: now, at: clock.now() };
    emit({ kind: 'paused', ...now });
    if (!told) {
      mailbox.post('a pause began');
    }
  }

  /** A pass found the pause, and nothing of ours is under way any more: that is told to whoever asked for it. */
  async holds(): Promise<void> {
    if (!this.#isHeld) {
      await this.#options.hold?.(true);
    }
    this.#isHeld = true;
    await this.#answer();
  }

  async #answer(): Promise<void> {
    const { notes, hold } = this.#options;
    if (this.now === null && this.#isHeld) {
      this.#isHeld = false;
      await hold?.(false);
    }
    if (this.now !== null && !this.#isHeld) {
      return;
    }
    const held = this.now && { host: this.#host?.until ?? null, others: this.#others };
    const said = JSON.stringify(held);
    if (said !== this.#said) {
      await notes.tell(held);
    }
    this.#said = said;
  }

  /** Looks again and again until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await rest(LOOK, signal);
    }
  }

  /** A duration counts from the moment at which this very value was first seen here. */
  async #ofKeys(): Promise<readonly (PauseWish | null)[]> {
    const entries = this.#options.keys().filter(({ value }) => value.trim() !== '');
    const since = await this.#options.notes.firstSeen(entries.map(idOf), clock.date());
    const wrong: string[] = [];
    const wishes = entries.map((entry): PauseWish | null => {
      const until = parsePause(entry.value, since.get(idOf(entry)) ?? clock.date());
      if (until === null) {
        wrong.push(entry.key);
      }
      return until === null ? null : { until, by: `the key ${entry.key}` };
    });
    this.#complain(wrong.join(', '));
    return wishes;
  }

  #complain(wrong: string): void {
    if (wrong !== '' && wrong !== this.#wrong) {
      const message = `reading the pause key ${wrong}: it is neither an end with its time zone nor a duration, or lasts over 7 days`;
      const hint = 'Write 2026-03-01T14:30:00Z or 30m. It is ignored.';
      this.#options.emit({ kind: 'notice', message, hint });
    }
    this.#wrong = wrong;
  }
}

function idOf({ key, value, modified }: Entry): string {
  return `${key} ${modified} ${value}`;
}

/** Longer pauses are taken for mistakes: a host that nobody looks after drifts away. */
export const LONGEST_PAUSE = 7 * 24 * 3_600_000;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/**
 * Reads until when a pause lasts: an end with its time zone (`2026-03-01T14:30:00Z`), or a duration (`30m`) that
 * counts from `since`. Gives milliseconds since 1970, or null for anything else and what lasts over 7 days.
 */
export function parsePause(value: string, since: number): number | null {
  const text = value.trim();
  const duration = parseDuration(text);
  const until = duration === null ? (TIME.test(text) ? Date.parse(text) : Number.NaN) : since + duration;
  return Number.isNaN(until) || until - since > LONGEST_PAUSE ? null : until;
}
