import type { Emit } from '../events.ts';
import type { Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { BelievedStore, CachedTree, Hold } from '../ports/stores.ts';
import { Saver } from './saver.ts';

/** The cache is written so long after a change, and so far apart: 1 ms more for each key, as it is written whole. */
const SAVE_TREE = { soon: 1_000, every: 5_000 };
const SAVE_HOLDS = { soon: 10, every: () => 500 };
/** How often a cache that did not change is written again, so that its age says how old the data is. */
const CONFIRM_EVERY = 600_000;

export interface TreeCacheOptions {
  readonly store: Pick<BelievedStore, 'load' | 'saveTree' | 'saveHolds'>;
  /** `cache.maxAge`, in milliseconds; Infinity with `--accept-stale`. */
  readonly maxAge: number;
  /** What is believed now. */
  readonly tree: () => CachedTree;
  readonly holds: () => readonly Hold[];
  readonly size: () => number;
  readonly emit: Emit;
}

/** What a start finds on the disk. */
export interface FoundTree {
  /** Null where it may not be served, and `why` says why. */
  readonly tree: CachedTree | null;
  readonly why: string;
  /** Of it, what was not held. */
  readonly raw: readonly Entry[];
  readonly holds: readonly (Hold & { readonly entry: ReadEntry })[];
}

/** What is believed and held, on the disk: written in the background. */
export class TreeCache {
  readonly #options: TreeCacheOptions;
  readonly #tree: Saver;
  readonly #holds: Saver;
  #saved: { readonly freshAt: number; readonly isGood: boolean };

  /** `now`: milliseconds since 1970. */
  constructor(options: TreeCacheOptions, now: number) {
    this.#options = options;
    const { store, emit, holds, size } = options;
    this.#saved = { freshAt: now, isGood: true };
    const every = () => SAVE_TREE.every + size();
    this.#tree = new Saver({ ...SAVE_TREE, every, emit, save: () => this.#save() });
    const plain = ({ entry, rule, since }: Hold): Hold => ({ entry, rule, since });
    this.#holds = new Saver({ ...SAVE_HOLDS, emit, save: () => store.saveHolds(holds().map(plain)) });
  }

  /** Reads what was written last. What cannot be used is said. */
  async load(prefixes: Prefixes, now: number): Promise<FoundTree> {
    const { store, emit } = this.#options;
    const { tree, holds, words } = await store.load();
    for (const message of words) {
      emit({ kind: 'notice', message });
    }
    const tooOld = this.#tooOld(tree, now);
    const why =
      tooOld ?? (words.length > 0 ? 'the cache could not be used (see the log)' : 'there is no cache');
    const usable = tooOld === null ? tree : null;
    const held = new Set(holds.map(({ entry }) => entry.key));
    return {
      tree: usable,
      why,
      raw: usable?.entries.filter(({ key }) => !held.has(key)) ?? [],
      holds: holds.map(({ entry, rule, since }) => ({
        entry: ReadEntry.of(entry, prefixes),
        rule,
        since: Math.min(since, now),
      })),
    };
  }

  /** Why a tree is too old to be served; null where it is not. */
  #tooOld(tree: CachedTree | null, now: number): string | null {
    const age = tree === null ? 0 : Math.max(0, now - tree.freshAt);
    return age > this.#options.maxAge
      ? `the cache is ${Math.round(age / 1000)} s old, more than cache.maxAge (--accept-stale takes it)`
      : null;
  }

  /** What is believed is another tree than before. */
  treeChanged(): void {
    this.#tree.ask();
  }

  /** What is held is something else than before. */
  holdsChanged(): void {
    this.#holds.ask();
  }

  /** Writes it again where what is written looks older or worse than it is. */
  confirm({ freshAt, isGood }: { readonly freshAt: number; readonly isGood: boolean }): void {
    const isOld = freshAt - this.#saved.freshAt > Math.min(CONFIRM_EVERY, this.#options.maxAge / 10);
    if (isOld || (isGood && !this.#saved.isGood)) {
      this.#tree.ask();
    }
  }

  /** Writes what is not on the disk yet. */
  async close(): Promise<void> {
    await this.#holds.close();
    await this.#tree.close();
  }

  async #save(): Promise<void> {
    const tree = this.#options.tree();
    const { freshAt, sinceGood } = tree;
    this.#saved = { freshAt, isGood: sinceGood !== null && sinceGood.size === 0 };
    await this.#options.store.saveTree(tree);
  }
}
