import { BackOff } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import { explainEtcdError } from '../sources/etcd-error.ts';
import { EtcdMembers } from '../sources/etcd-members.ts';
import { decideKey, type OwnKey } from './decide-key.ts';
import { type EtcdAccess, type EtcdLink, linkEtcd } from './etcd-link.ts';
import type { Condition, StoredKey } from './etcd-messages.ts';
import type { Tell } from './events.ts';
import type { KeyWatch } from './key-watch.ts';
import type { LeaseFile } from './lease-file.ts';
import type { Registrar, RegistrarState } from './registrar.ts';
import { keyOf, type Registration, storedValue } from './registration.ts';

export interface EtcdRegistrarOptions {
  readonly access: EtcdAccess;
  /** Below which services stand: `/services`. */
  readonly prefix: string;
  /** Seconds of the lease, which is renewed at a third of what etcd gives. */
  readonly ttl: number;
  /** Whether keys without owner and lease are taken over. */
  readonly adopt: boolean;
  readonly leaseFile: LeaseFile;
  readonly tell: Tell;
}

/** How long leaving may take where the store is slow or away: the lease then runs out by itself. */
const LEAVE_LIMIT = 3_000;
/** Pauses after a member that answered and then did not serve us. */
const PAUSES = { first: 100, longest: 1_000, spread: 0.5 } as const;
/** So many keys are written at one time. */
const WRITES_AT_ONCE = 16;
/** Where somebody deletes or changes what we put so many times in such a time, the next pass waits. */
const MOST_REWRITES = 10;
const REWRITES_WITHIN = 10_000;
const CONTESTED_PAUSE = 1_000;

/** A `Registrar` for etcd. It begins at once. */
export function openEtcdRegistrar(options: EtcdRegistrarOptions): Registrar {
  return new EtcdRegistrar(options);
}

interface Wanted {
  readonly value: string;
  readonly owner: string;
}

interface Waiter {
  readonly generation: number;
  readonly done: () => void;
}

/**
 * The loop, level by level: each turn reads all keys in question, and makes them what is wanted.
 *
 *     a member that answers -> login -> lease: take up, renew or grant -> pass -> wait for: a change of a key of ours,
 *       ^                                                          ^              another set, a third of the lease
 *       '---------- whatever fails, after a short pause            '----------------------'
 */
class EtcdRegistrar implements Registrar {
  readonly #options: EtcdRegistrarOptions;
  readonly #end = new AbortController();
  readonly #left = Promise.withResolvers<void>();
  readonly #loop: Promise<void>;
  readonly #own = new Map<string, OwnKey>();
  readonly #held = new Map<string, string>();
  /** Keys under the lease of an earlier life, with that lease. */
  readonly #former = new Map<string, string>();
  readonly #standing = new Set<string>();
  #wanted: ReadonlyMap<string, Wanted> | null = null;
  #generation = 0;
  #waiters: Waiter[] = [];
  #lease: string | null = null;
  #isTakenUp = false;
  #renewAt = 0;
  #awaySince: number | null = Date.now();
  readonly #told = new Set<string>();
  #isLeaving = false;
  #bell = Promise.withResolvers<void>();
  /** When passes had to put what we had put before. */
  #rewrites: readonly number[] = [];

  constructor(options: EtcdRegistrarOptions) {
    this.#options = options;
    this.#loop = this.#run(this.#end.signal);
  }

  get state(): RegistrarState {
    return {
      registered: [...this.#standing],
      lease: this.#lease === null ? null : hex(this.#lease),
      awaySince: this.#awaySince,
      held: this.#held,
    };
  }

  async want(registrations: readonly Registration[]): Promise<void> {
    const { prefix } = this.#options;
    this.#wanted = new Map(
      registrations.map((one) => [
        keyOf(prefix, one),
        { value: storedValue(one), owner: one.meta.owner ?? '' },
      ]),
    );
    this.#generation += 1;
    const generation = this.#generation;
    await new Promise<void>((done) => {
      this.#waiters.push({ generation, done });
      this.#ring();
    });
  }

  async close({ leave }: { readonly leave: boolean }): Promise<void> {
    if (leave) {
      this.#isLeaving = true;
      void this.want([]);
      await Promise.race([this.#left.promise, rest(LEAVE_LIMIT, this.#end.signal)]);
    }
    this.#end.abort();
    await this.#loop;
    this.#settle(Number.POSITIVE_INFINITY);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { access } = this.#options;
    const members = new EtcdMembers({
      endpoints: access.endpoints,
      connect: (endpoint) => linkEtcd(endpoint, access),
      onFailure: (endpoint, error) => this.#away(endpoint, error, 'at first'),
    });
    const pauses = new BackOff(PAUSES);
    while (!signal.aborted) {
      let endpoint = '';
      try {
        using link = await members.answering(signal);
        endpoint = link.endpoint;
        await link.authenticate(signal);
        await this.#serve(link, signal, () => pauses.succeeded());
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        // These two are bugs of ours, and no retry helps.
        if (error instanceof TypeError || error instanceof ReferenceError) {
          throw error;
        }
        this.#away(endpoint, error, 'after it answered');
      }
      await rest(pauses.failed(), signal);
    }
  }

  /** Serves by one connection until it is lost, or `signal` aborts: throws either way. */
  async #serve(link: EtcdLink, signal: AbortSignal, onLive: () => void): Promise<never> {
    using watch = link.watch({
      onChange: (key, revision) => this.#changed(key, revision),
      onLost: () => this.#ring(),
    });
    await this.#keepLease(link, signal);
    this.#live(link.endpoint);
    for (;;) {
      this.#bell = Promise.withResolvers();
      const generation = this.#generation;
      const done = await this.#pass(link, watch, signal);
      onLive();
      if (done === 'settled') {
        this.#settle(generation);
        await this.#leaveIfAsked(link, generation, signal);
        await this.#wait(signal);
      }
      await this.#slowDown(signal);
      signal.throwIfAborted();
      watch.throwIfLost();
      if (done === 'lease lost' || this.#renewAt <= performance.now()) {
        await this.#keepLease(link, signal);
      }
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    try {
      const due = rest(Math.max(0, this.#renewAt - performance.now()), signal, over.signal);
      await Promise.race([this.#bell.promise, due]);
    } finally {
      over.abort();
    }
  }

  /** Two that write against each other would keep the store busy: we write no more than once in a second then. */
  async #slowDown(signal: AbortSignal): Promise<void> {
    const since = performance.now() - REWRITES_WITHIN;
    this.#rewrites = this.#rewrites.filter((at) => at > since);
    if (this.#rewrites.length > MOST_REWRITES) {
      await rest(CONTESTED_PAUSE, signal);
    }
  }

  /** Renews the lease, at the first time that of an earlier life; where there is none, a new one is granted. */
  async #keepLease(link: EtcdLink, signal: AbortSignal): Promise<void> {
    await this.#takeUp(link, signal);
    const { ttl, tell, leaseFile } = this.#options;
    if (this.#lease !== null) {
      const lease = hex(this.#lease);
      const seconds = await link.renew(this.#lease, signal);
      if (seconds !== null) {
        this.#renewIn(seconds);
        tell({ kind: 'lease-renewed', lease });
        return;
      }
      tell({ kind: 'lease-lost', lease });
      this.#lease = null;
    }
    const granted = await link.grant(ttl, signal);
    // Before anything is put under it: else a crash in between would leave a lease that nobody takes up.
    await leaseFile.write({ lease: granted.lease, asked: ttl });
    this.#lease = granted.lease;
    this.#renewIn(granted.ttl);
    tell({ kind: 'lease-held', lease: hex(granted.lease), seconds: granted.ttl, how: 'granted' });
  }

  /** Takes up the lease of an earlier life, or the keys under it where another length is asked for. */
  async #takeUp(link: EtcdLink, signal: AbortSignal): Promise<void> {
    if (this.#isTakenUp) {
      return;
    }
    const { leaseFile, prefix, ttl, tell } = this.#options;
    const kept = await leaseFile.read();
    const seconds = kept && (await link.renew(kept.lease, signal));
    if (kept && seconds) {
      for (const key of await link.keysOf(kept.lease, signal)) {
        if (key.startsWith(`${prefix}/`)) {
          this.#former.set(key, kept.lease);
        }
      }
      if (kept.asked === ttl) {
        this.#lease = kept.lease;
        tell({ kind: 'lease-held', lease: hex(kept.lease), seconds, how: 'taken up' });
      }
    }
    this.#isTakenUp = true;
  }

  #renewIn(seconds: number): void {
    this.#renewAt = performance.now() + (seconds * 1000) / 3;
  }

  /** Reads all keys in question once, and makes them what is wanted. */
  async #pass(link: EtcdLink, watch: KeyWatch, signal: AbortSignal): Promise<Outcome> {
    const wanted = this.#wanted;
    const lease = this.#lease;
    if (wanted === null) {
      return 'settled';
    }
    if (lease === null) {
      return 'lease lost';
    }
    for (const key of [...this.#held.keys()].filter((one) => !wanted.has(one))) {
      this.#held.delete(key);
    }
    const keys = new Set([...wanted.keys(), ...this.#own.keys(), ...this.#former.keys()]);
    await watch.cover(keys);
    const found = await link.read([...keys], signal);
    const left = [...keys];
    let outcome: Outcome = 'settled';
    const began = performance.now();
    const work = async () => {
      for (let key = left.shift(); key !== undefined && outcome !== 'lease lost'; key = left.shift()) {
        const hand = { key, found: found.get(key) ?? null, wanted: wanted.get(key) ?? null, lease, began };
        const did = await this.#carryOut(link, hand, signal);
        outcome = did === 'settled' ? outcome : did;
      }
    };
    await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, left.length) }, work));
    return outcome;
  }

  async #carryOut(
    link: EtcdLink,
    { key, found, wanted, lease, began }: KeyInHand,
    signal: AbortSignal,
  ): Promise<Outcome> {
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
        // Remembered before it is sent: its answer may be lost. What stands there now is older.
        const revision = found?.modified ?? own?.revision ?? 0n;
        this.#own.set(key, { revision, values: new Set(own?.values).add(value) });
        const put = await this.#put(link, { key, value, lease, condition: conditionOf(found) }, signal);
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
    link: EtcdLink,
    { condition, ...key }: Pick<StoredKey, 'key' | 'value' | 'lease'> & { readonly condition: Condition },
    signal: AbortSignal,
  ): Promise<{ readonly done: boolean; readonly revision: bigint } | 'lease lost'> {
    try {
      return await link.put(key, condition, signal);
    } catch (error) {
      if (String(error).includes('requested lease not found')) {
        return 'lease lost';
      }
      throw error;
    }
  }

  #stands(key: string, revision: bigint, value: string): void {
    this.#own.set(key, { revision, values: new Set([value]) });
    this.#former.delete(key);
    this.#standing.add(key);
  }

  #forget(key: string): void {
    this.#own.delete(key);
    this.#former.delete(key);
  }

  /** Of our own writes nothing new is to be seen. */
  #changed(key: string, revision: bigint): void {
    if (this.#own.get(key)?.revision !== revision) {
      this.#ring();
    }
  }

  #ring(): void {
    this.#bell.resolve();
  }

  #settle(generation: number): void {
    const due = this.#waiters.filter((one) => one.generation <= generation);
    this.#waiters = this.#waiters.filter((one) => one.generation > generation);
    for (const { done } of due) {
      done();
    }
  }

  /** Ends the lease, unless somebody who shares the state folder has keys under it. */
  async #leaveIfAsked(link: EtcdLink, generation: number, signal: AbortSignal): Promise<void> {
    // A pass that began before did not delete anything yet.
    if (!this.#isLeaving || generation !== this.#generation || this.#lease === null) {
      return;
    }
    if ((await link.keysOf(this.#lease, signal)).length === 0) {
      await link.revoke(this.#lease, signal);
      await this.#options.leaseFile.remove();
    }
    this.#left.resolve();
    this.#end.abort();
  }

  #live(endpoint: string): void {
    if (this.#awaySince !== null) {
      this.#awaySince = null;
      this.#told.clear();
      this.#options.tell({ kind: 'store-live', endpoint });
    }
  }

  #away(endpoint: string, error: unknown, when: 'at first' | 'after it answered'): void {
    const { access, tell } = this.#options;
    const hasAnswered = when === 'after it answered';
    const explained = String(error).includes('permission denied')
      ? this.#denied()
      : explainEtcdError(error, endpoint, { ...access, prefixes: [], index: 0, hasAnswered });
    if (this.#awaySince === null) {
      this.#awaySince = Date.now();
      tell({ kind: 'store-lost' });
    }
    const message = `registering in etcd: ${endpoint}: ${explained.found}`;
    if (!this.#told.has(message)) {
      this.#told.add(message);
      const { hint } = explained;
      tell({ kind: 'store-away', message, ...(hint === undefined ? {} : { hint }) });
    }
  }

  /** etcd does not say for which of the keys. */
  #denied(): { readonly found: string; readonly hint: string } {
    const { access, prefix } = this.#options;
    const keys = [...(this.#wanted?.keys() ?? [])];
    const others = keys.length > NAMED ? ` and ${keys.length - NAMED} others` : '';
    const user = access.username === undefined ? '' : ` to the user "${access.username}"`;
    return {
      found: `permission denied for ${keys.slice(0, NAMED).join(', ') || prefix}${others}${user}`,
      hint: `etcdctl role grant-permission ROLE readwrite --prefix ${prefix}/`,
    };
  }
}

/** So many keys are named in a message. */
const NAMED = 3;

interface KeyInHand {
  readonly key: string;
  readonly found: StoredKey | null;
  readonly wanted: Wanted | null;
  readonly lease: string;
  /** When its pass began. */
  readonly began: number;
}

type Outcome = 'settled' | 'contested' | 'lease lost';

function conditionOf(found: StoredKey | null): Condition {
  return found === null ? { kind: 'absent' } : { kind: 'unchanged', since: found.modified };
}

function hex(lease: string): string {
  return BigInt(lease).toString(16);
}
