import { entriesAt, entryAt, type Places } from '../ports/origin.ts';
import type { CachedTree, Differences, Hold, LayerAge } from '../ports/stores.ts';

/**
 * A tree whose sources are at other places now: what is known of those that are none of ours any more goes, and of new ones
 * nothing is known. A key of which another source had said something before counts as new.
 */
export function treeAt(tree: CachedTree, places: Places): CachedTree {
  const entries = entriesAt(tree.entries, places);
  const whole: LayerAge = { freshAt: tree.freshAt, refused: new Map() };
  const layers = tree.layers ?? tree.revisions.map(() => whole);
  return {
    ...tree,
    entries,
    revisions: listAt(tree.revisions, places),
    layers: listAt(layers, places),
    sinceGood: tree.sinceGood && differencesAt(tree.sinceGood, { entries, places }),
  };
}

/** Holds of a tree whose sources are at other places now. */
export function holdsAt(holds: readonly Hold[], places: Places): readonly Hold[] {
  return holds.flatMap((hold) => {
    const entry = entryAt(hold.entry, places);
    return entry ? [{ ...hold, entry }] : [];
  });
}

function listAt<T>(list: readonly (T | null)[], places: Places): readonly (T | null)[] {
  const moved: (T | null)[] = [];
  for (const [place, one] of list.entries()) {
    const now = places(place);
    if (now !== null) {
      moved[now] = one;
    }
  }
  return Array.from(moved, (one) => one ?? null);
}

function differencesAt(
  differences: Differences,
  { entries, places }: { readonly entries: readonly { readonly key: string }[]; readonly places: Places },
): Differences {
  const there = new Set(entries.map(({ key }) => key));
  const moved = [...differences].map(
    ([key, good]) => [key, good && (entryAt(good, places) ?? undefined)] as const,
  );
  return new Map(moved.filter(([key, good]) => good !== undefined || there.has(key)));
}
