import type { Emit } from '../events.ts';
import type { LetGoReason } from '../events-guard.ts';
import type { Prefixes } from '../model/keys.ts';
import { clock } from '../ports/clock.ts';
import type { SourceEvent } from '../ports/source.ts';
import type { BelievedStore, CachedTree, Hold } from '../ports/stores.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import { type Classify, classifier } from './classify.ts';
import { Guard, type GuardOptions } from './guard.ts';
import { GuardedTree } from './guarded-tree.ts';
import { Saver } from './saver.ts';
import type { GuardStep } from './step.ts';
import { Teller } from './teller.ts';

export interface BelievedOptions {
  readonly served: ServedTree;
  readonly emit: Emit;
  readonly guard: GuardOptions;
  readonly prefixes: Prefixes;
  /** `cache` of the settings, in milliseconds; `maxAge` is Infinity with `--accept-stale`. */
  readonly cache: { readonly wait: number; readonly maxAge: number };
  readonly store: BelievedStore;
}

type Data = Extract<SourceEvent, { kind: 'snapshot' | 'changes' }>;
type Heard = Extract<SourceEvent, { kind: 'heard' }>;
type State = Extract<SourceEvent, { kind: 'state' }>;

/** The cache is written so long after a change, and so far apart: 1 ms more for each key, as it is written whole. */
const SAVE_TREE = { soon: 1_000, every: 5_000 };
const SAVE_HOLDS = { soon: 10, every: () => 500 };
/** How often a cache that did not change is written again, so that its age says how old the data is. */
const CONFIRM_EVERY = 600_000;

/**
 * Stands between the sources and the catalog: what the sources say goes through the guard into the believed tree,
 * which is kept on the disk. A start begins with what was believed last: it is what the guard compares the
 * sources' first answer with, and what is served where they do not answer.
 *
 *     loaded --answer in `cache.wait`--> live
 *       |none: cache young enough          ^
 *       +--> cache (stale) --answer--------+
 *       |no cache                          |
 *       +--> nothing: HAProxy is not touched
 */
export class Believed {
  readonly #options: BelievedOptions;
  readonly #tree: GuardedTree;
  readonly #guard: Guard;
  readonly #classify: Classify;
  readonly #teller: Teller;
  readonly #saveTree: Saver;
  readonly #saveHolds: Saver;
  readonly #states = new Map<number, State>();
  readonly #revisions: (bigint | null)[] = [];
  readonly #sizes = new Map<number, number>();
  readonly #doubted = new Set<number>();
  #cached: CachedTree | null = null;
  #whyNoCache = 'there is no cache';
  #answered = false;
  #serving = false;
  /** Set where a first, empty tree would take away what a file of ours serves. */
  #mayBeEmpty = true;
  #freshAt = 0;
  #savedAt = now();
  /** What was written last was not accepted yet. */
  #savedDoubt = false;

  constructor(options: BelievedOptions) {
    this.#options = options;
    const { served, guard, prefixes, emit, store } = options;
    this.#classify = classifier(prefixes);
    this.#tree = new GuardedTree(served);
    this.#guard = new Guard(guard, this.#classify, this.#tree);
    this.#teller = new Teller(emit);
    const every = () => SAVE_TREE.every + served.catalog.tree.size;
    this.#saveTree = new Saver({ ...SAVE_TREE, every, emit, save: () => this.#save() });
    this.#saveHolds = new Saver({
      ...SAVE_HOLDS,
      emit,
      save: () =>
        store.saveHolds([...this.#guard.held].map(({ entry, rule, since }) => ({ entry, rule, since }))),
    });
  }

  get store(): BelievedStore {
    return this.#options.store;
  }

  /** How long a start waits for the sources, in milliseconds. */
  get wait(): number {
    return this.#options.cache.wait;
  }

  /** How many keys are held. */
  get held(): number {
    return this.#guard.held.size;
  }

  /** Whether there is a cache that may be served. */
  get hasCache(): boolean {
    return this.#cached !== null;
  }

  /** Whether the sources have answered since the start. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Begins with what was believed last. `file`: whether a file of ours is installed. */
  async open(file: 'installed' | 'none'): Promise<void> {
    const { store, emit, served, cache } = this.#options;
    const { tree, holds, words } = await store.load();
    for (const message of words) {
      emit({ kind: 'notice', message });
    }
    if (words.length > 0) {
      this.#whyNoCache = 'the cache could not be used (see the log)';
    }
    const age = tree === null ? 0 : Math.max(0, now() - tree.freshAt);
    if (tree !== null && age > cache.maxAge) {
      this.#whyNoCache = `the cache is ${Math.round(age / 1000)} s old, more than cache.maxAge (--accept-stale takes it)`;
    } else {
      this.#cached = tree;
    }
    const known = this.#cached?.entries.some((one) => this.#classify(one)?.service != null) ?? false;
    this.#mayBeEmpty = file === 'none' || known;
    for (const [place, revision] of (this.#cached?.revisions ?? []).entries()) {
      this.#revisions[place] = revision;
    }
    const cached = this.#cached?.entries ?? [];
    const keys = new Set(cached.map(({ key }) => key));
    const others = holds.map(({ entry }) => entry).filter(({ key }) => !keys.has(key));
    served.apply([...cached, ...others].map((entry) => ({ kind: 'put', entry })));
    // What was never accepted is no tree to blame a template by.
    if (this.#cached?.sinceGood) {
      served.differsBy(this.#cached.sinceGood);
    }
    for (const { source } of cached) {
      this.#sizes.set(source, (this.#sizes.get(source) ?? 0) + 1);
    }
    this.#freshAt = this.#cached?.freshAt ?? 0;
    this.#guard.begin(holds.map((hold) => ({ ...hold, since: Math.min(hold.since, now()) })));
    this.#told([...this.#guard.held], []);
  }

  /** Takes note of a source's state; gives it as it is to be told: with the cache served, `stale`. */
  state(event: State): State {
    this.#freshAt = this.#fresh();
    this.#states.set(event.of.index, event);
    return this.#serving && event.state === 'connecting' ? { ...event, state: 'stale' } : event;
  }

  /** Takes note of a single source's figures: a store that went back or is empty is in doubt until it says more. */
  heard({ of, what, keys, revision }: Heard): void {
    const last = this.#revisions[of.index] ?? null;
    const wentBack = what === 'snapshot' && last !== null && revision < last;
    const emptied = keys === 0 && (this.#sizes.get(of.index) ?? 0) > 1;
    if (wentBack || emptied) {
      this.#doubted.add(of.index);
    } else {
      this.#doubted.delete(of.index);
    }
    this.#revisions[of.index] = revision;
    this.#sizes.set(of.index, keys);
  }

  /** Takes what the sources say; gives the number of keys that differ. */
  take(event: Data): number {
    const { emit } = this.#options;
    const changes = event.kind === 'snapshot' ? this.#guard.stepTo(event.entries) : event.changes;
    const arrivals = this.#answered || this.#cached ? 'new' : 'known';
    const step = this.#guard.take({ changes, now: now(), doubted: this.#doubted, arrivals });
    this.#believe(step, this.#answered ? 'changes' : 'whole');
    this.#freshAt = now();
    if (!this.#answered) {
      this.#answered = true;
      // Before the start there was no window.
      this.#guard.settle();
      this.#saveTree.ask();
    }
    if (this.#serving) {
      this.#serving = false;
      emit({ kind: 'cache-over' });
    }
    this.#begin();
    return changes.length;
  }

  /** The sources did not answer in time: serves the cache, or says why not. True where that is news. */
  giveUpWaiting(): boolean {
    const { served, emit, cache } = this.#options;
    if (this.#answered || this.#serving) {
      return false;
    }
    if (this.#cached === null) {
      served.missing = `no source has given its keys in ${cache.wait / 1000} s, and ${this.#whyNoCache}`;
      return true;
    }
    this.#serving = true;
    const ageMs = Math.round(Math.max(0, now() - this.#cached.freshAt));
    emit({ kind: 'cache-served', keys: this.#cached.entries.length, ageMs, waitedMs: cache.wait });
    served.isDoubtful = !this.#mayBeEmpty;
    served.begin();
    return true;
  }

  /** The states of the sources as they are told while the cache is served. */
  staleStates(): readonly State[] {
    return [...this.#states.values()].filter(({ state }) => state === 'connecting');
  }

  /** Lets go what was held for long enough; gives how many keys. */
  turn(): number {
    const { cache, served } = this.#options;
    const isOld = this.#fresh() - this.#savedAt > Math.min(CONFIRM_EVERY, cache.maxAge / 10);
    if (isOld || (this.#savedDoubt && served.since.isGood)) {
      this.#saveTree.ask();
    }
    return this.#believe(this.#guard.turn(now()));
  }

  /** Lets go of held keys; gives how many. */
  letGo(keys: Iterable<string>, why: LetGoReason): number {
    return this.#believe(this.#guard.letGo(keys, why));
  }

  /** A person believes the disappearance: all that is held, and a first tree that is empty. */
  release(): number {
    const keys = [...this.#guard.held].map(({ entry }) => entry.key);
    this.#mayBeEmpty = true;
    const count = this.letGo(keys, 'released');
    if (this.#answered) {
      this.#begin();
    }
    return count;
  }

  /** Writes what is not on the disk yet. */
  async close(): Promise<void> {
    this.#teller.flush();
    if (this.#answered) {
      this.#saveTree.ask();
    }
    await this.#saveHolds.close();
    await this.#saveTree.close();
  }

  /** After a step that threw: the guard counts anew from what is believed and held. */
  recover(): void {
    this.#guard.begin([...this.#guard.held]);
  }

  #begin(): void {
    const { served } = this.#options;
    this.#mayBeEmpty ||= served.catalog.services.some(({ instances }) => instances.length > 0);
    served.isDoubtful = !this.#mayBeEmpty;
    if (!served.hasTree) {
      served.begin();
    }
  }

  #believe({ changes, held, letGo }: GuardStep, how: 'whole' | 'changes' = 'changes'): number {
    const { served } = this.#options;
    if (held.length > 0 || letGo.length > 0) {
      served.held.apply(letGo.map(({ key }) => ({ kind: 'delete', key })));
      this.#saveHolds.ask();
      this.#told(held, letGo);
    }
    if (how === 'whole') {
      // What an earlier run had set aside waits for everything that the sources have.
      served.take(this.#tree.after(changes));
      return letGo.length;
    }
    if (changes.length === 0) {
      return letGo.length;
    }
    const { view } = served;
    served.apply(changes);
    if (this.#answered && served.view !== view) {
      this.#saveTree.ask();
    }
    return letGo.length;
  }

  #told(held: readonly Hold[], letGo: GuardStep['letGo']): void {
    const { served } = this.#options;
    const keys = held.map((hold) => {
      const { entry, rule, since } = hold;
      const end = this.#guard.endOf(hold);
      const service = this.#classify(entry)?.service ?? null;
      return { key: entry.key, service, rule, since, until: Number.isFinite(end) ? end : null };
    });
    served.held.apply(held.map(({ entry }) => ({ kind: 'put', entry })));
    this.#teller.tell(keys, letGo);
  }

  /** When the tree was last known to be what the sources have. */
  #fresh(): number {
    const live = this.#states.size > 0 && [...this.#states.values()].every(({ state }) => state === 'live');
    return this.#answered && live ? now() : this.#freshAt;
  }

  async #save(): Promise<void> {
    const { store, served } = this.#options;
    const { since } = served;
    const freshAt = this.#fresh();
    this.#savedAt = freshAt;
    this.#savedDoubt = !since.isGood;
    // Both at one moment.
    const [entries, sinceGood] = [[...this.#tree], since.hasBase ? since.differences : null];
    await store.saveTree({ entries, revisions: [...this.#revisions], freshAt, sinceGood });
  }
}

/** Milliseconds since 1970 that never jump while this process lives, whatever is done to the machine's clock. */
function now(): number {
  return clock.origin + clock.now();
}
