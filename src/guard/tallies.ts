/** How many keys of one group there are, and what became of the others. */
export interface Tally {
  /** In the sources. */
  readonly now: number;
  /** Went within the window and are believed gone. */
  readonly gone: number;
  /** Went, and are held. */
  readonly held: number;
  /** Of `now`: came within the window. */
  readonly come: number;
}

const NOTHING: Tally = { now: 0, gone: 0, held: 0, come: 0 };

/** How many there were a window ago. */
export function before({ now, gone, held, come }: Tally): number {
  return Math.max(0, now + gone + held - come);
}

/** How many fewer there are: arrivals count against losses. */
export function lost(tally: Tally): number {
  return Math.max(0, before(tally) - tally.now);
}

/** The tallies of all groups, and the sums over all services, kept up with each step. */
export class Tallies {
  readonly #groups = new Map<string, Tally>();
  #all = { now: 0, before: 0, lost: 0 };

  /** Of all services together; a service that grew makes up for no other one. */
  get all(): { readonly now: number; readonly before: number; readonly lost: number } {
    return this.#all;
  }

  of(group: string): Tally {
    return this.#groups.get(group) ?? NOTHING;
  }

  add(group: string, change: Partial<Tally>): void {
    const old = this.of(group);
    const tally: Tally = {
      now: old.now + (change.now ?? 0),
      gone: old.gone + (change.gone ?? 0),
      held: old.held + (change.held ?? 0),
      come: old.come + (change.come ?? 0),
    };
    if (tally.now + tally.gone + tally.held + tally.come === 0) {
      this.#groups.delete(group);
    } else {
      this.#groups.set(group, tally);
    }
    if (!group.startsWith('service ')) {
      return;
    }
    this.#all = {
      now: this.#all.now + tally.now - old.now,
      before: this.#all.before + before(tally) - before(old),
      lost: this.#all.lost + lost(tally) - lost(old),
    };
  }
}
