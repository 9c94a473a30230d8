import type { Clock } from '../../src/ports/clock.ts';

/** Whose timers these are: those of somebody who is dead are dropped. */
export interface Owner {
  readonly isAlive: boolean;
}

interface Timer {
  readonly at: number;
  readonly turn: number;
  readonly owner: Owner;
  call: (() => void) | null;
}

/** Somebody who lives as long as the simulation. */
export const WORLD: Owner = { isAlive: true };

/** So many looks at the clock and timers in one moment: time would never pass again. The most that seeds need is some 200. */
const MOST_WORK = 10_000;

const START = Date.UTC(2026, 0, 5, 12);

/**
 * A time that passes only when everybody waits: the next timer is due at once. Timers of the same moment go in the order
 * in which they were set, so that a run follows from what is done in it alone.
 */
export class VirtualTime {
  #now = 0;
  #turn = 0;
  /** A heap: the timer that is due first is the first. */
  readonly #timers: Timer[] = [];
  /** How often the clock was looked at and a timer was due since time passed last. */
  #work = 0;
  /** Called when more is done in one moment than ever should be; whoever looks at the clock then gets an error. */
  onStuck: () => void = () => {};
  /** By how much the machine's clock was set forward or back, in milliseconds. */
  shift = 0;

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  get date(): number {
    return START + Math.floor(this.#now) + this.shift;
  }

  /** Calls `call` once after so many milliseconds, unless the owner is dead by then. Gives what takes that back. */
  after(ms: number, call: () => void, owner: Owner = WORLD): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), turn: this.#turn++, owner, call };
    this.#push(timer);
    return () => {
      timer.call = null;
    };
  }

  /** Resolves after so many milliseconds; never where the owner is dead by then. */
  sleep(ms: number, owner: Owner = WORLD): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve, owner);
    });
  }

  /** The clock of whoever `owner` says at that moment. */
  clockOf(owner: () => Owner): Clock {
    return {
      now: () => {
        if (this.#isStuck()) {
          throw new Error('looking at the clock: time does not pass any more');
        }
        return this.now;
      },
      date: () => this.date,
      get origin() {
        return START;
      },
      after: (ms, call) => this.after(ms, call, owner()),
      breathe: () => this.sleep(0, owner()),
    };
  }

  /** Lets time pass until `until`, or `isOver` says so after a step. */
  async pass(until: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      await settled();
      if (isOver()) {
        return;
      }
      const next = this.#pop(until);
      this.#advance(next?.at ?? until);
      if (!next) {
        return;
      }
      this.#isStuck();
      next.call?.();
    }
  }

  #advance(to: number): void {
    if (to > this.#now) {
      this.#now = to;
      this.#work = 0;
    }
  }

  /** Counts what is done in this moment. */
  #isStuck(): boolean {
    this.#work++;
    if (this.#work <= MOST_WORK) {
      return false;
    }
    this.#work = 0;
    this.onStuck();
    return true;
  }

  #pop(until: number): Timer | undefined {
    for (;;) {
      const first = this.#timers[0];
      if (!first) {
        return undefined;
      }
      const isDead = first.call === null || !first.owner.isAlive;
      if (!isDead && first.at > until) {
        return undefined;
      }
      this.#removeFirst();
      if (!isDead) {
        return first;
      }
    }
  }

  #push(timer: Timer): void {
    const timers = this.#timers;
    let at = timers.length;
    timers.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = timers[above];
      if (!parent || isBefore(parent, timer)) {
        break;
      }
      timers[at] = parent;
      at = above;
    }
    timers[at] = timer;
  }

  #removeFirst(): void {
    const timers = this.#timers;
    const last = timers.pop();
    if (!last || timers.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      const left = timers[2 * at + 1];
      const right = timers[2 * at + 2];
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || isBefore(last, child)) {
        break;
      }
      timers[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    timers[at] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at === other.at ? one.turn < other.turn : one.at < other.at;
}

/** Resolves when whatever can go on without time has done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
