import type { Emit } from '../events.ts';
import type { Entry } from '../model/entry.ts';
import { parsePause } from '../model/pause-end.ts';
import { clock, rest } from '../ports/clock.ts';
import type { HeldPauses, PauseNotes, PauseWish } from '../ports/stores.ts';
import type { Wake } from '../ports/wake.ts';

/** What pauses are known by. */
export interface PauseOptions {
  readonly notes: PauseNotes;
  /** The pause keys that are there now, as the sources give them. */
  readonly keys: () => readonly Entry[];
  readonly mailbox: Wake;
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
  /** Who wants a pause, as it was seen last. */
  #seen: { readonly host: PauseWish | null; readonly others: readonly PauseWish[] } = {
    host: null,
    others: [],
  };
  /** What the notes say while nothing is under way and nothing begins; undefined before anything was said. */
  #held: HeldPauses | null | undefined;
  #told: { readonly wish: PauseWish; readonly at: number } | null = null;
  /** A pass found a pause, and was not woken since: it may have found one that no look sees, where the clock was set. */
  #isFound = false;
  /** The keys that make no sense. */
  #wrong = '';

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  /** The pause that holds now, or null. */
  get now(): PauseWish | null {
    const { host, others } = this.#seen;
    const wishes = [...(host ? [host] : []), ...others].filter(({ until }) => until > clock.date());
    return wishes.sort((one, other) => other.until - one.until)[0] ?? null;
  }

  /** Looks for a pause, and tells of a change. */
  async look(): Promise<void> {
    this.#seen = { host: await this.#options.notes.read(), others: await this.#ofKeys() };
    await this.#answer(Boolean(this.#held));
    this.#tell(await this.#takenBackBy());
  }

  /** Who took back the pause that was told last; null where nobody is known to have done so. */
  async #takenBackBy(): Promise<string | null> {
    const told = this.#told?.wish;
    return told && this.now === null && told.until > clock.date()
      ? this.#options.notes.takenBackBy(told.until)
      : null;
  }

  /** A pass found the pause, and nothing of ours is under way any more: that is told to whoever asked for it. */
  async holds(): Promise<void> {
    this.#isFound = true;
    if (!this.#held) {
      await this.#options.hold?.(true);
    }
    await this.#answer(true);
  }

  /** Looks again and again until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await rest(LOOK, signal);
    }
  }

  /** Before a pass has found it, a pause is not said to hold. */
  async #answer(isFound: boolean): Promise<void> {
    const { notes, hold } = this.#options;
    const { now } = this;
    if (now && !isFound) {
      return;
    }
    if (!now && isFound) {
      await hold?.(false);
    }
    const held = now && { host: this.#seen.host?.until ?? null, others: this.#seen.others };
    if (JSON.stringify(held) !== JSON.stringify(this.#held)) {
      this.#held = held;
      await notes.tell(held);
    }
  }

  #tell(takenBackBy: string | null): void {
    const { mailbox, emit } = this.#options;
    const { now } = this;
    const told = this.#told;
    if (now === null) {
      this.#told = null;
      if (told) {
        const isOver = told.wish.until <= clock.date();
        const by = takenBackBy === null ? '' : ` by ${takenBackBy}`;
        const cause = isOver ? 'its time is over' : `${told.wish.by} was taken back${by}`;
        emit({ kind: 'resumed', cause, by: takenBackBy });
      }
      if (told || this.#isFound) {
        this.#isFound = false;
        mailbox.post('the pause ended');
      }
      return;
    }
    const isSame = told?.wish.until === now.until && told.wish.by === now.by;
    if (isSame && clock.now() - told.at < REMINDER) {
      return;
    }
    this.#told = { wish: now, at: clock.now() };
    emit({ kind: 'paused', ...now });
    if (!told) {
      mailbox.post('a pause began');
    }
  }

  /** A duration counts from the moment at which this very value was first seen here. */
  async #ofKeys(): Promise<readonly PauseWish[]> {
    const { keys, notes, emit } = this.#options;
    const entries = keys().filter(({ value }) => value.trim() !== '');
    const since = await notes.firstSeen(entries.map(idOf), clock.date());
    const untilOf = (entry: Entry) => parsePause(entry.value, since.get(idOf(entry)) ?? clock.date());
    const wrong = entries.filter((entry) => untilOf(entry) === null).map(({ key }) => key);
    if (wrong.length > 0 && wrong.join(', ') !== this.#wrong) {
      const message = `reading the pause key ${wrong.join(', ')}: it is neither an end with its time zone nor a duration, or lasts over 7 days`;
      emit({ kind: 'notice', message, hint: 'Write 2026-03-01T14:30:00Z or 30m. It is ignored.' });
    }
    this.#wrong = wrong.join(', ');
    return entries.flatMap((entry) => {
      const until = untilOf(entry);
      return until === null ? [] : [{ until, by: `the key ${entry.key}` }];
    });
  }
}

function idOf({ key, value, modified }: Entry): string {
  return `${key} ${modified} ${value}`;
}
