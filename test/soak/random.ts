/** Random numbers that are the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Another stream, so that what one part draws does not move what another part draws. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number; both ends are possible. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly [T, ...T[]]): T;
  pick<T>(list: readonly T[]): T | undefined;
  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)];
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((one) => ({ one, order: this.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ one }) => one);
  }
}

/** Deals from a shuffled deck, again and again: even a short run sees every card. */
export class Deck<T> {
  readonly #cards: readonly T[];
  readonly #random: Random;
  #left: T[] = [];

  constructor(cards: readonly T[], random: Random) {
    this.#cards = cards;
    this.#random = random;
  }

  /** The next card that may be played now; undefined where none of the whole deck may. */
  deal(mayPlay: (card: T) => boolean): T | undefined {
    for (let tries = 0; tries < this.#cards.length * 2; tries++) {
      if (this.#left.length === 0) {
        this.#left = this.#random.shuffled(this.#cards);
      }
      const card = this.#left.pop();
      if (card !== undefined && mayPlay(card)) {
        return card;
      }
    }
    return undefined;
  }
}
