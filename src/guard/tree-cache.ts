import type { Emit } from '../events.ts';
import type { Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { keeping } from '../model/kept.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { BelievedStore, CachedTree, Hold } from '../ports/stores.ts';
import { Saver } from './saver.ts';
import { newestOf, type SourceRank, youngOf } from './young-layers.ts';

/** Milliseconds from a change to its write, and between two writes: 1 more for each key of a tree, as it is written whole. */
const TREE = { soon: 1_000, every: 5_000 };
const HOLDS = { soon: 10, every: () => 500 };
/** How often a cache that did not change is written again, so that its age says how old the data is. */
const CONFIRM_EVERY = 600_000;

export interface TreeCacheOptions {
  readonly store: BelievedStore;
  /** `cache.maxAge`, in milliseconds; Infinity with `--accept-stale`. */
  readonly maxAge: number;
  readonly sources: readonly SourceRank[];
  /** What is believed now. */
  readonly tree: () => CachedTree;
  readonly holds: () => readonly Hold[];
  readonly emit: Emit;
}

/** What a start finds on the disk. */
export interface FoundTree {
  /** What of it is young enough; null where nothing is. */
  readonly tree: CachedTree | null;
  /** Whether nothing is missing in it that a start cannot do without: where not, `why` says what. */
  readonly isWhole: boolean;
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
  #saved: { readonly freshAt: number; readonly isGood: boolean; readonly keys: number };

  /** `now`: milliseconds since 1970. */
  constructor(options: TreeCacheOptions, now: number) {
    this.#options = options;
    this.#saved = { freshAt: now, isGood: true, keys: 0 };
    const { store, emit, holds } = options;
    const every = () => TREE.every + this.#saved.keys;
    this.#tree = new Saver({ ...TREE, every, emit, save: () => this.#save() });
    const plain = ({ entry, rule, since }: Hold): Hold => ({ entry, rule, since });
    this.#holds = new Saver({ ...HOLDS, emit, save: () => store.saveHolds(holds().map(plain)) });
  }

  /** Reads what was written last. What cannot be used is said. */
  async load(grammar: Grammar, now: number): Promise<FoundTree> {
    const { store, maxAge, sources, emit } = this.#options;
    const { tree: found, holds, words } = await store.load();
    for (const message of words) {
      emit({ kind: 'notice', message });
    }
    const { tree, isWhole, why } = found ? youngOf(found, { maxAge, sources, now }) : NOTHING;
    const held = new Set(holds.map(({ entry }) => entry.key));
    return {
      tree,
      isWhole,
      why: found ? why : words.length > 0 ? UNUSABLE : 'there is no cache',
      raw: tree?.entries.filter(({ key }) => !held.has(key)) ?? [],
      holds: holds.map(({ entry, rule, since }) => ({
        entry: keeping(ReadEntry.of(entry, grammar), entry.kept && entry, { grammar, now }),
        rule,
        since: Math.min(since, now),
      })),
    };
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
    const { entries, sinceGood } = tree;
    this.#saved = { freshAt: newestOf(tree), isGood: sinceGood?.size === 0, keys: entries.length };
    await this.#options.store.saveTree(tree);
  }
}

const UNUSABLE = 'the cache could not be used (see the log)';
const NOTHING = { tree: null, isWhole: false, why: '' };
