import type { Entry } from '../model/entry.ts';
import { covers } from '../model/keys.ts';
import type { CachedTree, LayerAge } from '../ports/stores.ts';

/** Whether a start may do without a source where nothing is known of it. */
export interface SourceRank {
  readonly optional?: boolean;
}

export interface YoungOptions {
  /** `cache.maxAge`, in milliseconds. */
  readonly maxAge: number;
  /** Of the settings: which may be missing where nothing is known of them. */
  readonly sources: readonly SourceRank[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What of a cache is young enough. */
export interface Young {
  /** Null where nothing is. */
  readonly tree: CachedTree | null;
  /** Whether nothing is missing in it that a start cannot do without: where not, `why` says what. */
  readonly isWhole: boolean;
  readonly why: string;
}

/** Leaves out of a cache the sources, and the prefixes that may not be read, of which what is known is too old. */
export function youngOf(tree: CachedTree, { maxAge, sources, now }: YoungOptions): Young {
  const ageOf = (at: number) => Math.max(0, now - at);
  const { layers } = tree;
  if (!layers) {
    const age = ageOf(tree.freshAt);
    return age > maxAge
      ? { tree: null, isWhole: false, why: tooOld('the cache', age) }
      : { tree, isWhole: true, why: '' };
  }
  const missing: string[] = [];
  const count = Math.max(layers.length, sources.length);
  const young = Array.from({ length: count }, (_, place): LayerAge | null => {
    const layer = layers[place];
    const tell = (what: string) => {
      if (!sources[place]?.optional) {
        missing.push(what);
      }
    };
    if (!layer) {
      tell(`the cache has nothing of source ${place + 1}`);
      return null;
    }
    const age = ageOf(layer.freshAt);
    if (age > maxAge) {
      tell(tooOld(count === 1 ? 'the cache' : `the cache of source ${place + 1}`, age));
      return null;
    }
    const refused = new Map<string, number | null>();
    for (const [prefix, at] of layer.refused) {
      const isOld = at === null || ageOf(at) > maxAge;
      refused.set(prefix, isOld ? null : at);
      if (isOld) {
        tell(
          at === null ? `the cache has nothing of ${prefix}` : tooOld(`the cache of ${prefix}`, ageOf(at)),
        );
      }
    }
    return { ...layer, refused };
  });
  const isYoung = ({ key, source }: Entry) => {
    const layer = young[source];
    return layer ? ![...layer.refused].some(([prefix, at]) => at === null && covers(prefix, key)) : false;
  };
  const isEmpty = young.every((layer) => layer === null);
  return {
    tree: isEmpty ? null : { ...tree, entries: tree.entries.filter(isYoung), layers: young },
    isWhole: missing.length === 0 && !isEmpty,
    why: missing.join('; '),
  };
}

/** When any part of a tree was last known to be right, in milliseconds since 1970. */
export function newestOf({ layers, freshAt }: Pick<CachedTree, 'layers' | 'freshAt'>): number {
  return (layers ?? []).reduce((newest, layer) => Math.max(newest, layer?.freshAt ?? 0), freshAt);
}

function tooOld(what: string, age: number): string {
  return `${what} is ${Math.round(age / 1000)} s old, more than cache.maxAge (--accept-stale takes it)`;
}
