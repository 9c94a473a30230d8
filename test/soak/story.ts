/** One thing that was done, in seconds since the beginning. */
export interface Chapter {
  readonly what: string;
  readonly from: number;
  /** Null while it lasts. */
  to: number | null;
}

/** What a fault may still do to a request after it is over. */
const AFTERMATH = 3;

/** What happened when: the faults, the broken promises, and the count of changes. */
export class Story {
  readonly #begun = performance.now();
  readonly faults: Chapter[] = [];
  readonly problems: string[] = [];
  readonly changes = new Map<string, number>();

  /** Seconds since the beginning. */
  get now(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  /** Tells a fault from its beginning to its end. */
  async fault(what: string, make: () => Promise<void>): Promise<void> {
    const chapter: Chapter = { what, from: this.now, to: null };
    this.faults.push(chapter);
    try {
      await make();
    } finally {
      chapter.to = this.now;
    }
  }

  /** The faults that are on, or were a moment ago. */
  on(at: number): string[] {
    return this.faults
      .filter(({ from, to }) => from <= at && (to === null || to + AFTERMATH >= at))
      .map(({ what, from, to }) => `${what} (${from.toFixed(1)} to ${to?.toFixed(1) ?? 'now'})`);
  }

  changed(what: string): void {
    this.changes.set(what, (this.changes.get(what) ?? 0) + 1);
  }

  problem(what: string): void {
    this.problems.push(
      `at ${this.now.toFixed(1)} s: ${what}; faults on: ${this.on(this.now).join(', ') || 'none'}`,
    );
  }
}
