/** Keys of a page, where nothing speaks against it. */
const KEYS = 1_000;
/** The longest that one page is waited for. */
const LONGEST = 20_000;

/**
 * How many keys a full read asks for at once, and how long it waits for them. A member that freezes in the middle must
 * be left soon, and a slow one that sends much must get through: both look alike, so each page that stays away makes
 * the next ones smaller and waited for longer, and what came shows how quick the store is.
 *
 *     2 s for 1,000 keys -> 4 s for 250 -> 8 s for 63 -> 16 s for 16 …
 */
export class PagePatience {
  readonly #shortest: number;
  #milliseconds: number;
  #keys = KEYS;
  #slowest = 0;

  /** `shortest` is what a page is waited for at least. */
  constructor(shortest = 2_000) {
    this.#shortest = shortest;
    this.#milliseconds = shortest;
  }

  /** How long the next page may take. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** How many keys the next page may have. */
  get keys(): number {
    return this.#keys;
  }

  /** A page came after so many milliseconds. */
  came(milliseconds: number): void {
    this.#slowest = Math.max(this.#slowest, milliseconds);
  }

  /** A page did not come in time. */
  stayedAway(): void {
    this.#milliseconds = Math.min(LONGEST, this.#milliseconds * 2);
    this.#keys = Math.ceil(this.#keys / 4);
  }

  /** All was read: as patient from here on as this store needs, and no more. */
  finished(): void {
    this.#milliseconds = Math.min(LONGEST, Math.max(this.#shortest, this.#slowest * 4));
    this.#keys = Math.min(KEYS, this.#keys * 2);
    this.#slowest = 0;
  }
}
