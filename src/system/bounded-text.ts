/** Characters that are kept of the beginning, and of the end. */
const KEPT = 512 * 1024;

/** A text that comes in pieces and may become very long: of that, its beginning and its end are kept. */
export class BoundedText {
  #head = '';
  #tail = '';
  #dropped = 0;

  /** Appends a piece. */
  add(piece: string): void {
    const room = KEPT - this.#head.length;
    this.#head += piece.slice(0, room);
    this.#tail += piece.slice(room);
    // Cut now and then only: each cut copies.
    if (this.#tail.length > 2 * KEPT) {
      this.#dropped += this.#tail.length - KEPT;
      this.#tail = this.#tail.slice(-KEPT);
    }
  }

  /** What is kept; a line of its own says how much is not. */
  get text(): string {
    const dropped = this.#dropped + Math.max(0, this.#tail.length - KEPT);
    if (dropped === 0) {
      return this.#head + this.#tail;
    }
    return `${this.#head}\n… ${dropped} characters left out …\n${this.#tail.slice(-KEPT)}`;
  }
}
