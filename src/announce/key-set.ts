import { BackOff } from '../ports/back-off.ts';
import { decideKey, type OwnKey } from './decide-key.ts';
import type { EtcdLink } from './etcd-link.ts';
import type { Condition, StoredKey } from './etcd-messages.ts';
import type { Tell } from './events.ts';
import type { KeyWatch } from './key-watch.ts';
import { readEach } from './read-each.ts';
import { type OneKeysError, refusalOfOneKey } from './refused-key.ts';

export interface KeySetOptions {
  /** Below which services stand: `/services`. */
  readonly prefix: string;
  /** Who we are to the store, where it asks. */
  readonly username: string | undefined;
  /** Whether keys without owner and lease are taken over. */
  readonly adopt: boolean;
  readonly tell: Tell;
}

/** A store that serves us, and our lease there. */
export interface ServingStore {
  readonly link: EtcdLink;
  readonly watch: KeyWatch;
  readonly lease: string;
}

/** What a pass came to. `contested`: somebody wrote in between, look again; `lease lost`: it is no more. */
export type Outcome = 'settled' | 'contested' | 'lease lost';

/** So many keys are written at one time. */
const WRITES_AT_ONCE = 16;
/** Where somebody deletes or changes what we put so many times in such a time, it is contested. */
const MOST_REWRITES = 10;
const REWRITES_WITHIN = 10_000;
/** Pauses before a key that the store refuses is tried again. */
const REFUSED = { first: 500, longest: 5_000, spread: 0.3 } as const;

interface Wanted {
  readonly value: string;
  readonly owner: string;
}

/** A key that is to stand in the store, with whose mark its value has (`meta.owner`). */
export interface WantedKey extends Wanted {
  readonly key: string;
}

interface Refused {
  readonly why: string;
  readonly pause: BackOff;
}

/**
 * The keys that are to stand in the store, and those of ours that are to go. Each pass reads them all, and makes them what is
 * wanted. One that the store refuses is told and tried again after a pause: the others go on without it.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #own = new Map<string, OwnKey>();
  readonly #held = new Map<string, string>();
  readonly #refused = new Map<string, Refused>();
  /** Keys under the lease of an earlier life, with that lease. */
  readonly #former = new Map<string, string>();
  readonly #standing = new Set<string>();
  #wanted: ReadonlyMap<string, Wanted> | null = null;
  /** When passes had to put what we had put before. */
  #rewrites: readonly number[] = [];

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** Those that stand, as far as was seen. */
  get standing(): readonly string[] {
    return [...this.#standing];
  }

  /** Those that another owner holds, with who that is. */
  get held(): ReadonlyMap<string, string> {
    return this.#held;
  }

  /** Those that the store does not let us read or write, with why. */
  get refused(): ReadonlyMap<string, string> {
    return new Map([...this.#refused].map(([key, { why }]) => [key, why]));
  }

  /** Milliseconds until one of those may be tried again. */
  get retryIn(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { pause } of this.#refused.values()) {
      least = Math.min(least, pause.waitMs);
    }
    return least;
  }

  /** Whether somebody writes against us again and again. */
  get isContested(): boolean {
    const since = performance.now() - REWRITES_WITHIN;
    this.#rewrites = this.#rewrites.filter((at) => at > since);
    return this.#rewrites.length > MOST_REWRITES;
  }

  /** Takes the whole set. Before the first nothing is touched. */
  want(keys: readonly WantedKey[]): void {
    this.#wanted = new Map(keys.map(({ key, ...wanted }) => [key, wanted]));
  }

  /** Takes keys that stand under the lease of an earlier life: what of them is not wanted goes. */
  takeUp(keys: readonly string[], lease: string): void {
    const { prefix } = this.#options;
    for (const key of keys.filter((one) => one.startsWith(`${prefix}/`))) {
      this.#former.set(key, lease);
    }
  }

  /** Whether a change that was seen is not our own. */
  isNews(key: string, revision: bigint): boolean {
    return this.#own.get(key)?.revision !== revision;
  }

  /** Reads all keys in question once, and makes them what is wanted. */
  async pass(store: ServingStore, signal: AbortSignal): Promise<Outcome> {
    const wanted = this.#wanted;
    if (wanted === null) {
      return 'settled';
    }
    for (const key of [...this.#held.keys()].filter((one) => !wanted.has(one))) {
      this.#held.delete(key);
    }
    const all = new Set([...wanted.keys(), ...this.#own.keys(), ...this.#former.keys()]);
    for (const key of [...this.#refused.keys()].filter((one) => !all.has(one))) {
      this.#refused.delete(key);
    }
    const found = await this.#read(store, all, signal);
    const left = [...found.keys()];
    let outcome: Outcome = 'settled';
    const began = performance.now();
    const work = async () => {
      for (let key = left.shift(); key !== undefined && outcome !== 'lease lost'; key = left.shift()) {
        const hand = { key, found: found.get(key) ?? null, wanted: wanted.get(key) ?? null, began };
        const did = await this.#carryOut(store, hand, signal).catch((error: unknown) =>
          this.#refuse(hand.key, error),
        );
        outcome = did === 'settled' ? outcome : did;
      }
    };
    await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, left.length) }, work));
    return outcome;
  }

  /** Reads those that are not refused, watched from before that on. */
  async #read(
    { link, watch }: ServingStore,
    all: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, StoredKey | null>> {
    const due = () => [...all].filter((key) => !((this.#refused.get(key)?.pause.waitMs ?? 0) > 0));
    const read = (keys: readonly string[]) =>
      readEach(link, keys, signal, (key, error) => this.#refuse(key, error));
    // Who may not read a key may not watch it, and etcd does not say of which key it speaks then.
    await read(due().filter((key) => !watch.covers(key)));
    await watch.cover(new Set(due()));
    return await read(due());
  }

  async #carryOut(store: ServingStore, hand: KeyInHand, signal: AbortSignal): Promise<Outcome> {
    const { key, found, wanted, began } = hand;
    const { link, lease } = store;
    const { adopt, tell } = this.#options;
    const own = this.#own.get(key) ?? null;
    const formerLease = this.#former.get(key) ?? null;
    const action = decideKey({ wanted, found, lease, own, formerLease, adopt });
    if (action.kind !== 'leave') {
      this.#held.delete(key);
    }
    if (action.kind !== 'stands') {
      this.#standing.delete(key);
    }
    switch (action.kind) {
      case 'stands':
        if (found) {
          this.#stands(key, found.modified, found.value);
        }
        return 'settled';
      case 'gone':
        this.#forget(key);
        return 'settled';
      case 'leave':
        this.#refused.delete(key);
        if (this.#held.get(key) !== action.who) {
          this.#held.set(key, action.who);
          tell({ ...action, kind: 'held-by-other', key });
        }
        return 'settled';
      case 'delete': {
        const deleted = await link.delete(key, conditionOf(found), signal);
        if (deleted) {
          this.#forget(key);
          tell({ kind: 'deregistered', key });
        }
        return deleted ? 'settled' : 'contested';
      }
      case 'put': {
        if (wanted === null) {
          return 'settled';
        }
        const { value } = wanted;
        if (own?.values.has(value) && !this.#rewrites.includes(began)) {
          this.#rewrites = [...this.#rewrites, began];
        }
        const put = await this.#put(store, { key, value, found, own }, signal);
        if (put === 'lease lost') {
          return put;
        }
        if (!put.done) {
          return 'contested';
        }
        this.#stands(key, put.revision, value);
        tell({ kind: 'registered', key, value, why: action.why });
        return 'settled';
      }
      default:
        return action satisfies never;
    }
  }

  async #put(
    { link, lease }: ServingStore,
    { key, value, found, own }: KeyToPut,
    signal: AbortSignal,
  ): Promise<{ readonly done: boolean; readonly revision: bigint } | 'lease lost'> {
    // Remembered before it is sent: its answer may be lost. What stands there now is older.
    const revision = found?.modified ?? own?.revision ?? 0n;
    this.#own.set(key, { revision, values: new Set(own?.values).add(value) });
    try {
      return await link.put({ key, value, lease }, conditionOf(found), signal);
    } catch (error) {
      if (String(error).includes('requested lease not found')) {
        return 'lease lost';
      }
      if (own === null && this.#refusalOf(key, error) !== null) {
        this.#own.delete(key);
      }
      throw error;
    }
  }

  #stands(key: string, revision: bigint, value: string): void {
    this.#own.set(key, { revision, values: new Set([value]) });
    this.#former.delete(key);
    this.#refused.delete(key);
    this.#standing.add(key);
  }

  #forget(key: string): void {
    this.#own.delete(key);
    this.#former.delete(key);
    this.#refused.delete(key);
  }

  /** Says once that the store refuses a key, and has it wait. Throws what is no refusal of this key alone. */
  #refuse(key: string, error: unknown): 'settled' {
    const refusal = this.#refusalOf(key, error);
    if (refusal === null) {
      throw error;
    }
    const before = this.#refused.get(key);
    const pause = before?.pause ?? new BackOff(REFUSED);
    pause.failed();
    this.#refused.set(key, { why: refusal.found, pause });
    this.#held.delete(key);
    this.#standing.delete(key);
    if (before?.why !== refusal.found) {
      this.#options.tell({ kind: 'refused', key, why: refusal.found, hint: refusal.hint });
    }
    return 'settled';
  }

  #refusalOf(key: string, error: unknown): OneKeysError | null {
    return refusalOfOneKey(error, key, this.#options.username);
  }
}

interface KeyInHand {
  readonly key: string;
  readonly found: StoredKey | null;
  readonly wanted: Wanted | null;
  /** When its pass began. */
  readonly began: number;
}

interface KeyToPut {
  readonly key: string;
  readonly value: string;
  readonly found: StoredKey | null;
  readonly own: OwnKey | null;
}

function conditionOf(found: StoredKey | null): Condition {
  return found === null ? { kind: 'absent' } : { kind: 'unchanged', since: found.modified };
}
