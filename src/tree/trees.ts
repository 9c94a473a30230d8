import type { Emit, Hashes } from '../events.ts';
import { BelievedTree, type GuardStep } from '../guard/believed-tree.ts';
import type { GuardOptions } from '../guard/guard.ts';
import { HoldEvents } from '../guard/hold-events.ts';
import { SourceHealth } from '../guard/source-health.ts';
import { TreeCache } from '../guard/tree-cache.ts';
import { newestOf, type SourceRank } from '../guard/young-layers.ts';
import type { CatalogOptions } from '../model/catalog.ts';
import type { Entry } from '../model/entry.ts';
import { refusalOf } from '../model/kept.ts';
import { isInstance, type ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange, RawChange } from '../model/tree-changes.ts';
import { clock } from '../ports/clock.ts';
import type { KnownLayers, SourceEvent } from '../ports/source.ts';
import type { BelievedStore, CachedTree, Differences, Hold } from '../ports/stores.ts';
import { RawTree, type SourceData } from './raw-tree.ts';
import type { ServedTree } from './served-tree.ts';

/** The guard, and where what it believes survives a restart. */
export interface GuardParts {
  readonly rules: GuardOptions;
  /** `cache` of the settings, in milliseconds; `maxAge` is Infinity with `--accept-stale`. */
  readonly cache: { readonly wait: number; readonly maxAge: number };
  readonly store: BelievedStore;
  /** Those of the settings. @default those that the cache knows, and none is optional */
  readonly sources?: readonly SourceRank[];
}

export interface TreesOptions {
  readonly served: ServedTree;
  readonly emit: Emit;
  /** @default every change is believed at once, and nothing is kept */
  readonly guard?: GuardParts;
}

/** Settings that the trees go by; what is left out stays. */
export interface TreeSettings {
  readonly catalog?: CatalogOptions;
  readonly rules?: GuardOptions;
}

/** What a step did. */
export interface Taken {
  /** How many keys differ, or were let go. */
  readonly changed: number;
  /** Which. */
  readonly changes: readonly (RawChange | BelievedChange)[];
  /** Whether a template, the quarantine or a person could see something else than before. */
  readonly seen: boolean;
}

type Heard = Extract<SourceEvent, { kind: 'heard' }>;
type State = Extract<SourceEvent, { kind: 'state' }>;

/**
 * The way of a key: each stage keeps its own tree and gives changes to the next one.
 *
 *     what a source says --raw--> changes --believed--> changes --served--> services and routes
 *
 * Believed is what the sources say and what the guard holds. It is kept on the disk, and a start begins with what was
 * believed last: it is what the guard compares the sources' first answer with, and what is served where they give none.
 * What it has of a single source, or of a prefix that may not be read, stands in for that alone (`known`).
 *
 *     loaded --answers in `cache.wait`--> live
 *       |not all: cache young enough        ^
 *       +--> cache (stale) --an answer------+
 *       |no cache                          |
 *       +--> nothing: HAProxy is not touched
 */
export class Trees {
  readonly raw: RawTree;
  readonly served: ServedTree;
  readonly #options: TreesOptions;
  readonly #believed: BelievedTree;
  readonly #health = new SourceHealth();
  readonly #holdEvents: HoldEvents;
  readonly #cache: TreeCache | undefined;
  #phase: 'loaded' | 'cache' | 'live' = 'loaded';
  #cached: CachedTree | null = null;
  #cacheIsWhole = false;
  #cacheIsServed = false;
  readonly #gaveUp = new AbortController();
  #whyNoCache = 'there is no cache';
  /** False where a first, empty tree would take away what a file of ours serves. */
  #mayBeEmpty = true;

  constructor(options: TreesOptions) {
    const { served, emit, guard } = options;
    this.#options = options;
    this.served = served;
    this.raw = new RawTree(served.grammar);
    this.#believed = new BelievedTree(this.raw, guard?.rules ?? 'off');
    this.#holdEvents = new HoldEvents(emit);
    const { store, cache } = guard ?? {};
    const parts = {
      tree: () => this.#toWrite(),
      holds: () => [...this.#believed.held.values()],
    };
    const { sources = [] } = guard ?? {};
    this.#cache =
      store && new TreeCache({ store, maxAge: cache?.maxAge ?? 0, sources, emit, ...parts }, now());
  }

  /** How long a start waits for the sources, in milliseconds. */
  get wait(): number {
    return this.#options.guard?.cache.wait ?? Number.POSITIVE_INFINITY;
  }

  /** How many keys are held. */
  get held(): number {
    return this.#believed.held.size;
  }

  /** Whether there is a cache that may be served. */
  get hasCache(): boolean {
    return this.#cacheIsWhole;
  }

  /** What is known of the sources now. */
  get known(): KnownLayers {
    return {
      gaveUp: this.#gaveUp.signal,
      of: (index) => {
        const layer = this.#health.layer(index);
        const without = [...(layer?.refused ?? [])].flatMap(([prefix, at]) => (at === null ? [prefix] : []));
        return layer && { entries: [...this.raw].filter(({ source }) => source === index), without };
      },
    };
  }

  /** Whether the sources have answered since the start. */
  get answered(): boolean {
    return this.#health.answered;
  }

  /** Null before there is a tree. */
  get hashes(): Omit<Hashes, 'text'> {
    const { hasTree, catalog } = this.served;
    return hasTree
      ? { raw: this.raw.hash, believed: this.#believed.hash, served: catalog.tree.hash }
      : { raw: null, believed: null, served: null };
  }

  /** Begins with what was believed last. `file`: whether a file of ours is installed. */
  async open(file: 'installed' | 'none'): Promise<void> {
    if (!this.#cache) {
      return;
    }
    const { served } = this;
    const { tree, isWhole, raw, holds, why } = await this.#cache.load(served.grammar, now());
    this.#cached = tree;
    this.#cacheIsWhole = isWhole;
    this.#whyNoCache = why;
    if (tree) {
      this.#health.begin(tree);
    }
    const changes = this.#takeRaw({ kind: 'snapshot', entries: raw, revision: 0n });
    this.#believed.begin(holds);
    this.#mayBeEmpty =
      file === 'none' || (tree !== null && [...this.#believed].some(({ form }) => isInstance(form)));
    const held = [...this.#believed.held.values()];
    const puts = held.map(({ entry }) => ({ kind: 'put', entry, held: true }) as const);
    this.#pass({ changes: [...changes, ...puts], held, letGo: [] });
    // What was never accepted is no tree to blame a template by.
    if (tree?.sinceGood) {
      served.differsBy(new Map([...newerHolds(tree, held), ...tree.sinceGood]));
    }
  }

  /** Goes by other settings from now on: what they make of the trees as they are is taken at once. */
  follow({ catalog, rules }: TreeSettings): Taken {
    const before = this.#sight();
    let changes: readonly RawChange[] = [];
    if (catalog) {
      this.served.follow(catalog);
      changes = this.raw.follow(catalog.grammar, now());
      this.#pass(this.#believed.apply({ changes, now: now() }));
      this.#endClaimed();
    }
    if (rules) {
      this.#pass(this.#believed.follow(rules));
    }
    return this.#took(changes, before);
  }

  /** Takes note of a source's state; gives it as it is to be told: where what is known of it stands in for it, `stale`. */
  state(event: State): State {
    this.#health.state(event, now());
    // Also where its first word comes after it was waited for.
    const isStoodInFor = this.#gaveUp.signal.aborted && this.#health.layer(event.of.index) !== null;
    return isStoodInFor && event.state === 'connecting' ? { ...event, state: 'stale' } : event;
  }

  /** Takes note of a single source's figures. */
  heard(event: Heard): void {
    this.#health.heard(event, now());
  }

  /** A source was read once; `refused` are prefixes that may not be. */
  read(index: number, refused: readonly string[]): void {
    this.#health.gaveAll(index, refused, now());
  }

  /** Takes what the sources say: all of it, or none where that throws. */
  take(event: SourceData): Taken {
    const { emit } = this.#options;
    const arrivals = this.answered || this.#cached ? 'new' : 'known';
    const before = this.#sight();
    const changes = this.#takeRaw(event);
    const holds = [...this.#believed.held.values()];
    try {
      const step = { changes, now: now(), doubted: this.#health.doubted, arrivals } as const;
      this.#pass(this.#believed.apply(step));
    } catch (error) {
      this.raw.undo(changes);
      this.#believed.begin(holds);
      throw error;
    }
    this.#endClaimed();
    const isFirst = !this.answered;
    this.#health.gave(now());
    if (isFirst) {
      // Before the start there was no window.
      this.#believed.settle();
    }
    if (this.#cacheIsServed && !this.#health.isStoodInFor) {
      this.#cacheIsServed = false;
      emit({ kind: 'cache-over' });
    }
    this.#phase = 'live';
    this.#begin();
    return this.#took(changes, before);
  }

  /** The keys whose value is refused and was another one before, which nobody here has seen. */
  get unseen(): readonly ReadEntry[] {
    return [...this.raw].filter(
      (entry) => !entry.kept && entry.modified > entry.created && refusalOf(entry) !== null,
    );
  }

  /** Takes what they were before, as far as that is known and good. */
  takeEarlier(found: ReadonlyMap<ReadEntry, Entry>): Taken {
    const before = this.#sight();
    const changes = this.raw.takeEarlier(found, now());
    this.#pass(this.#believed.apply({ changes, now: now() }));
    this.#endClaimed();
    return this.#took(changes, before);
  }

  /** The sources did not answer in time: serves the cache, or says why not. False where they did. */
  giveUpWaiting(): boolean {
    const { served } = this;
    const cached = this.#cacheIsWhole ? this.#cached : null;
    if (this.#phase !== 'loaded') {
      return false;
    }
    if (cached === null) {
      this.#gaveUp.abort();
      served.waitFor(
        `not all sources have given their keys in ${this.wait / 1000} s, and ${this.#whyNoCache}`,
      );
      return true;
    }
    this.#phase = 'cache';
    this.#cacheIsServed = true;
    const ageMs = Math.round(Math.max(0, now() - cached.freshAt));
    this.#options.emit({
      kind: 'cache-served',
      keys: cached.entries.length,
      ageMs,
      waitedMs: this.wait,
    });
    served.begin(this.#mayBeEmpty ? 'sure' : 'in doubt');
    this.#gaveUp.abort();
    return true;
  }

  /** The states of the sources as they are told while the cache is served. */
  staleStates(): readonly State[] {
    return this.#health.connecting;
  }

  /** Lets go what was held for long enough. */
  turn(): Taken {
    this.served.turn(now());
    const { lastGood, refused } = this.served;
    const isGood = lastGood.isServed && refused.length === 0;
    const [freshAt, layers] = [this.#health.fresh(now()), this.#health.layers(now())];
    this.#cache?.confirm({ freshAt: newestOf({ freshAt, layers }), isGood });
    return this.#letGo(this.#believed.turn(now()));
  }

  /** A person believes the disappearance: all that is held, and a first tree that is empty. */
  release(): Taken {
    this.#mayBeEmpty = true;
    const keys = [...this.#believed.held.keys()];
    const taken = this.#letGo(this.#believed.letGo(keys, 'released'));
    if (this.answered) {
      this.#begin();
    }
    return taken;
  }

  /** Writes what is not on the disk yet. */
  async close(): Promise<void> {
    this.#holdEvents.flush();
    if (this.answered) {
      this.#cache?.treeChanged();
    }
    await this.#cache?.close();
  }

  #letGo(step: GuardStep): Taken {
    if (step.changes.length + step.letGo.length === 0) {
      return { changed: 0, changes: [], seen: false };
    }
    const before = this.#sight();
    this.#pass(step);
    return this.#took(step.changes, before, step.letGo.length);
  }

  #takeRaw(event: SourceData): readonly RawChange[] {
    return this.raw.take(event, {
      now: now(),
      believed: (key) => this.#believed.held.get(key)?.entry,
    });
  }

  /** A kept form gives its address up to the key that was written later, and so it ends. */
  #endClaimed(): void {
    const { claimed } = this.served;
    if (claimed.length > 0) {
      this.#pass(this.#believed.apply({ changes: this.raw.endKept(claimed), now: now() }));
      this.#pass(this.#believed.letGo(claimed, 'claimed'));
    }
  }

  /** Passes on what is believed of a step, and tells what is held and let go by it. */
  #pass(step: GuardStep): void {
    this.served.apply(step.changes);
    if (step.held.length + step.letGo.length > 0) {
      this.#cache?.holdsChanged();
      this.#holdEvents.tell(step);
    }
  }

  #begin(): void {
    const { served } = this;
    this.#mayBeEmpty ||= served.catalog.services.some(({ instances }) => instances.length > 0);
    served.begin(this.#mayBeEmpty ? 'sure' : 'in doubt');
  }

  /** What is believed, to be written down. */
  #toWrite(): CachedTree {
    const layers = this.#health.layers(now());
    return {
      entries: [...this.#believed],
      revisions: this.#health.revisions,
      freshAt: this.#health.fresh(now()),
      ...(layers.length > 0 && { layers }),
      sinceGood: this.served.believedSinceGood,
    };
  }

  #took(changes: Taken['changes'], before: readonly unknown[], changed: number = changes.length): Taken {
    const seen = this.#sight().some((part, at) => part !== before[at]);
    if (this.answered && seen) {
      this.#cache?.treeChanged();
    }
    return { changed, changes, seen };
  }

  /** What somebody could see. */
  #sight(): readonly unknown[] {
    return [this.served.view, this.raw.hash, this.answered];
  }
}

/** Milliseconds since 1970 that never jump while this process lives, whatever is done to the machine's clock. */
function now(): number {
  return clock.origin + clock.now();
}

/**
 * What is held otherwise than the tree says, with what that says: holds are written sooner, so a kill may leave some of
 * values that nobody has judged.
 */
function newerHolds({ entries }: CachedTree, held: readonly Hold[]): Differences {
  const cached = new Map(entries.map((entry) => [entry.key, entry]));
  const newer = held.filter(({ entry }) => cached.get(entry.key)?.value !== entry.value);
  return new Map(newer.map(({ entry: { key } }) => [key, cached.get(key)]));
}
