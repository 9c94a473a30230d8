import { BackOff } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import { explainEtcdError } from '../sources/etcd-error.ts';
import { EtcdMembers } from '../sources/etcd-members.ts';
import { type EtcdAccess, type EtcdLink, linkEtcd } from './etcd-link.ts';
import type { Tell } from './events.ts';
import { KeySet, type WantedKey } from './key-set.ts';
import type { LeaseFile } from './lease-file.ts';
import { isDenied } from './refused-key.ts';
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
/** Two that write against each other would keep the store busy: we write no more than once in so many milliseconds then. */
const CONTESTED_PAUSE = 1_000;

/** A `Registrar` for etcd. It begins at once. */
export function openEtcdRegistrar(options: EtcdRegistrarOptions): EtcdRegistrar {
  return new Keeper(options);
}

/** A `Registrar` that keeps other keys as well. */
export interface EtcdRegistrar extends Registrar {
  /** As `want`, of any keys whose values have a mark. */
  wantKeys(keys: readonly WantedKey[]): Promise<void>;
}

interface Waiter {
  readonly generation: number;
  readonly done: () => void;
}

/**
 * The loop, level by level: each pass reads all keys in question, and makes them what is wanted (`KeySet`).
 *
 *     a member that answers -> login -> lease: take up, renew or grant -> pass -> wait for: a change of a key of ours,
 *       ^                                                          ^              another set, a third of the lease,
 *       |                                                          |              a refused key that is tried again
 *       '---------- whatever fails, after a short pause            '----------------------'
 */
class Keeper implements EtcdRegistrar {
  readonly #options: EtcdRegistrarOptions;
  readonly #end = new AbortController();
  readonly #left = Promise.withResolvers<void>();
  readonly #loop: Promise<void>;
  readonly #keys: KeySet;
  #generation = 0;
  #waiters: Waiter[] = [];
  #lease: string | null = null;
  #isTakenUp = false;
  #renewAt = 0;
  #awaySince: number | null = Date.now();
  readonly #told = new Set<string>();
  #isLeaving = false;
  #bell = Promise.withResolvers<void>();

  constructor(options: EtcdRegistrarOptions) {
    this.#options = options;
    const { access, prefix, adopt, tell } = options;
    this.#keys = new KeySet({ prefix, username: access.username, adopt, tell });
    this.#loop = this.#run(this.#end.signal);
  }

  get state(): RegistrarState {
    return {
      registered: this.#keys.standing,
      lease: this.#lease === null ? null : hex(this.#lease),
      awaySince: this.#awaySince,
      held: this.#keys.held,
      refused: this.#keys.refused,
    };
  }

  want(registrations: readonly Registration[]): Promise<void> {
    const { prefix } = this.#options;
    return this.wantKeys(
      registrations.map((one) => ({
        key: keyOf(prefix, one),
        value: storedValue(one),
        owner: one.meta.owner ?? '',
      })),
    );
  }

  async wantKeys(keys: readonly WantedKey[]): Promise<void> {
    this.#keys.want(keys);
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
      refresh: access.refresh,
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
      onChange: (key, revision) => {
        if (this.#keys.isNews(key, revision)) {
          this.#ring();
        }
      },
      onLost: () => this.#ring(),
    });
    await this.#keepLease(link, signal);
    this.#live(link.endpoint);
    for (;;) {
      this.#bell = Promise.withResolvers();
      const generation = this.#generation;
      const lease = this.#lease;
      const done = lease === null ? 'lease lost' : await this.#keys.pass({ link, watch, lease }, signal);
      onLive();
      if (done === 'settled') {
        this.#settle(generation);
        await this.#leaveIfAsked(link, generation, signal);
        await this.#wait(signal);
      }
      if (this.#keys.isContested) {
        await rest(CONTESTED_PAUSE, signal);
      }
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
      const renewIn = Math.max(0, this.#renewAt - performance.now());
      const due = rest(Math.min(renewIn, this.#keys.retryIn), signal, over.signal);
      await Promise.race([this.#bell.promise, due]);
    } finally {
      over.abort();
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
    const { leaseFile, ttl, tell } = this.#options;
    const kept = await leaseFile.read();
    const seconds = kept && (await link.renew(kept.lease, signal));
    if (kept && seconds) {
      const keys = await this.#under(kept.lease, link, signal);
      this.#keys.takeUp(keys ?? [], kept.lease);
      if (kept.asked === ttl && keys !== null) {
        this.#lease = kept.lease;
        tell({ kind: 'lease-held', lease: hex(kept.lease), seconds, how: 'taken up' });
      }
    }
    this.#isTakenUp = true;
  }

  #renewIn(seconds: number): void {
    this.#renewAt = performance.now() + (seconds * 1000) / 3;
  }

  /** The keys under a lease; null where one is among them that we may not read: such a lease is left to run out. */
  async #under(lease: string, link: EtcdLink, signal: AbortSignal): Promise<readonly string[] | null> {
    try {
      return await link.keysOf(lease, signal);
    } catch (error) {
      if (isDenied(error)) {
        return null;
      }
      throw error;
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
    if ((await this.#under(this.#lease, link, signal))?.length === 0) {
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
    const explained = explainEtcdError(error, endpoint, { ...access, prefixes: [], index: 0, hasAnswered });
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
}

function hex(lease: string): string {
  return BigInt(lease).toString(16);
}
