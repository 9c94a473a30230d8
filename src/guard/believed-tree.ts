import type { LetGoReason } from '../events-guard.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange } from '../model/tree-changes.ts';
import type { Hold } from '../ports/stores.ts';
import { Guard, type GuardOptions } from './guard.ts';
import { HeldAddresses } from './held-addresses.ts';
import type { Held } from './held-keys.ts';
import type { GuardInput, GuardStep } from './step.ts';

/**
 * The second of the trees: what the sources say, and what the guard holds of that which went. It keeps the held ones alone.
 *
 *     changes of the sources --guard--> changes --a live key claims the address of a held one--> that goes, too
 */
export class BelievedTree implements Iterable<ReadEntry> {
  readonly #raw: Iterable<ReadEntry>;
  readonly #guard: Guard;
  readonly #addresses: HeldAddresses;

  /** `raw`: what the sources say, always with every change that is given here. `off`: all that is believed at once. */
  constructor(raw: Iterable<ReadEntry>, options: GuardOptions | 'off') {
    this.#raw = raw;
    this.#guard = new Guard(options);
    this.#addresses = new HeldAddresses(raw);
  }

  /** The oldest first. */
  get held(): Iterable<Held> & { readonly size: number; has(key: string): boolean } {
    return this.#guard.held;
  }

  /** When a hold ends by time alone, in milliseconds since 1970; Infinity where it does not. */
  endOf(hold: Hold): number {
    return this.#guard.endOf(hold);
  }

  /** Everything. */
  *[Symbol.iterator](): Iterator<ReadEntry> {
    yield* this.#raw;
    for (const { entry } of this.held) {
      yield entry;
    }
  }

  /** Takes what the sources say for what was there all the time, and goes on with what was held. */
  begin(holds: readonly (Hold & { readonly entry: ReadEntry })[] = []): void {
    this.#guard.begin(this.#raw, holds);
    this.#addresses.begin([...this.held].map(({ entry }) => entry));
  }

  /** From now on what there is counts as having been there all the time. */
  settle(): void {
    this.#guard.settle();
  }

  /** A step of the sources. */
  apply(input: GuardInput): GuardStep {
    return this.#settleAddresses(this.#guard.apply(input));
  }

  /** Lets go what was held for long enough. */
  turn(now: number): GuardStep {
    return this.#settleAddresses(this.#guard.turn(now));
  }

  /** Lets go of held keys; others are passed over. */
  letGo(keys: Iterable<string>, why: LetGoReason): GuardStep {
    return this.#settleAddresses(this.#guard.letGo(keys, why));
  }

  #settleAddresses({ changes, held, letGo }: GuardStep): GuardStep {
    const claimed = this.#addresses.apply(changes);
    if (claimed.length === 0) {
      return { changes, held, letGo };
    }
    const more = this.#guard.letGo(claimed, 'claimed');
    this.#addresses.apply(more.changes);
    return {
      changes: lastOfEach([...changes, ...more.changes]),
      held: held.filter(({ entry }) => this.held.has(entry.key)),
      letGo: [...letGo, ...more.letGo],
    };
  }
}

/** Of several changes of one key the last counts. */
function lastOfEach(changes: readonly BelievedChange[]): readonly BelievedChange[] {
  const last = new Map<string, BelievedChange>();
  for (const change of changes) {
    last.set(change.kind === 'put' ? change.entry.key : change.key, change);
  }
  return [...last.values()];
}
