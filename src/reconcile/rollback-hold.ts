import { PointsmanError } from '../errors.ts';
import { type Emit, type EventOf, noticeOf } from '../events.ts';
import { clock, rest } from '../ports/clock.ts';
import type { RollbackNote, RollbackWish } from '../ports/stores.ts';
import type { Wake } from '../ports/wake.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { PassEnd } from '../rollout/pass-end.ts';
import { Rollback } from '../rollout/rollback.ts';

/** What a rollback is known by, and what it changes. */
export interface RollbackHoldOptions {
  readonly note: RollbackNote;
  readonly drawing: Pick<Drawing, 'rollBack' | 'rollback' | 'rolledBack'>;
  readonly mailbox: Wake;
  readonly emit: Emit;
}

/** Milliseconds between two looks. */
const LOOK = 300;
/** Milliseconds after which it is said again that one holds. */
const REMINDER = 600_000;
/** So many backends and servers are named. */
const MOST_NAMED = 100;

type Names = Pick<EventOf<'rollback'>, 'emptied' | 'absent' | 'leftOut'>;

const NO_NAMES: Names = { emptied: [], absent: [], leftOut: [] };

/**
 * Keeps the text of an older entry in the place of what is drawn, for as long as the note says so. What it says is looked at
 * before the first pass, so that a restart goes on with it.
 */
export class RollbackHold {
  readonly #options: RollbackHoldOptions;
  /** One that is over, though its note may not have been removed. */
  #over: RollbackWish | null = null;
  #told: { readonly names: Names; readonly at: number } | null = null;
  /** Who takes it back. */
  #by: string | null = null;
  /** Why the note cannot be used. */
  #wrong = '';
  #last: { readonly wish: RollbackWish; readonly end: PassEnd } | null = null;

  constructor(options: RollbackHoldOptions) {
    this.#options = options;
  }

  /** The one that holds, or null. */
  get now(): RollbackWish | null {
    return this.#options.drawing.rollback?.wish ?? null;
  }

  /** How the last pass ended that drew under this rollback; null before there was one. */
  endOf({ number, since }: RollbackWish): PassEnd | null {
    const last = this.#last;
    return last?.wish.number === number && last.wish.since === since ? last.end : null;
  }

  /** Looks for a rollback, and takes it up or ends it. */
  async look(): Promise<void> {
    const wish = await this.#read();
    const before = this.now;
    if (wish === before) {
      this.#tell();
      return;
    }
    const { drawing, mailbox, emit } = this.#options;
    drawing.rollBack(wish && new Rollback(wish));
    this.#told = null;
    if (wish) {
      mailbox.post(`rollback to ${wish.number} by ${wish.by}`);
      this.#tell();
    } else if (before) {
      const isOver = this.#over?.since === before.since;
      const cause = isOver
        ? 'its time is over'
        : `it was taken back${this.#by === null ? '' : ` by ${this.#by}`}`;
      emit({ kind: 'rollback-over', number: before.number, cause });
      mailbox.post(`the rollback to ${before.number} ended`);
    }
  }

  /** Ends it for whom `by` names, and gives the one that this ended, if there was one. Throws a `SystemError`. */
  async takeBack(by: string): Promise<RollbackWish | null> {
    this.#by = by;
    try {
      const ended = await this.#options.note.clear();
      await this.look();
      return ended;
    } finally {
      this.#by = null;
    }
  }

  /** A pass has ended. */
  drew(end: PassEnd): void {
    const { rolledBack } = this.#options.drawing;
    if (rolledBack) {
      this.#last = { wish: rolledBack.wish, end };
      this.#tell();
    }
  }

  /** Looks again and again until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await rest(LOOK, signal);
    }
  }

  /** The rollback that is to hold now. What holds goes on where that cannot be read. */
  async #read(): Promise<RollbackWish | null> {
    const { note, emit } = this.#options;
    try {
      const wish = await note.read();
      this.#wrong = '';
      if (wish === null || wish.until === null || wish.until > clock.date()) {
        return wish;
      }
      if (this.#over !== wish) {
        this.#over = wish;
        await note.clear();
      }
      return null;
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      if (this.#wrong !== error.message) {
        this.#wrong = error.message;
        emit(noticeOf(error));
      }
      return this.#over === null ? this.now : null;
    }
  }

  #tell(): void {
    const { drawing, emit } = this.#options;
    const wish = this.now;
    if (wish === null) {
      return;
    }
    const { rolledBack } = drawing;
    const names = rolledBack?.wish === wish ? namesOf(rolledBack) : (this.#told?.names ?? NO_NAMES);
    const isSame = JSON.stringify(names) === JSON.stringify(this.#told?.names);
    if (isSame && this.#told && clock.now() - this.#told.at < REMINDER) {
      return;
    }
    this.#told = { names, at: clock.now() };
    const { number, mode, since, until, by } = wish;
    emit({ kind: 'rollback', number, mode, since, until, by, ...names });
  }
}

function namesOf({ emptied, absent, leftOut }: NonNullable<Drawing['rolledBack']>): Names {
  return {
    emptied: emptied.slice(0, MOST_NAMED),
    absent: absent.slice(0, MOST_NAMED),
    leftOut: leftOut
      .slice(0, MOST_NAMED)
      .map(({ backend, server, address, by }) => `${backend}/${server} ${address} (of ${by})`),
  };
}
