import { describe, expect, test } from 'vitest';
import { newestOf, youngOf } from '../../src/guard/young-layers.ts';
import type { CachedTree, LayerAge } from '../../src/ports/stores.ts';
import { entry } from '../support/catalog.ts';

const NOW = 1_000_000;
const layer = (age: number, refused: Record<string, number | null> = {}): LayerAge => ({
  freshAt: NOW - age,
  refused: new Map(Object.entries(refused).map(([prefix, one]) => [prefix, one === null ? null : NOW - one])),
});
const tree = (...layers: readonly (LayerAge | null)[]): CachedTree => ({
  entries: [
    entry('/services/web/a', '10.0.0.1:80', 1),
    entry('/haproxy/word', 'x', 2),
    { ...entry('/services/shop/b', '10.0.0.2:80', 3), source: 1 },
  ],
  revisions: [1n, 1n],
  freshAt: NOW - 1,
  layers,
  sinceGood: null,
});
const look = (found: CachedTree, ...optional: readonly boolean[]) => {
  const sources = optional.map((one) => ({ optional: one }));
  const { tree: young, isWhole, why } = youngOf(found, { maxAge: 100, sources, now: NOW });
  return { keys: young?.entries.map(({ key }) => key) ?? null, isWhole, why };
};

describe('youngOf()', () => {
  test.each([
    ['all are young', tree(layer(9), layer(99)), [false, false], 3, true, ''],
    [
      'the second is too old',
      tree(layer(9), layer(101_000)),
      [false, false],
      2,
      false,
      'the cache of source 2 is 101 s old',
    ],
    ['the second is too old and optional', tree(layer(9), layer(101)), [false, true], 2, true, ''],
    [
      'nothing is known of the second',
      tree(layer(9), null),
      [false, false],
      2,
      false,
      'the cache has nothing of source 2',
    ],
    [
      'the second was never there',
      tree(layer(9)),
      [false, false],
      2,
      false,
      'the cache has nothing of source 2',
    ],
    ['the second was never there and is optional', tree(layer(9)), [false, true], 2, true, ''],
    ['a refused prefix is young', tree(layer(9, { '/haproxy': 50 }), layer(9)), [false, false], 3, true, ''],
    [
      'a refused prefix is too old',
      tree(layer(9, { '/haproxy': 101_000 }), layer(9)),
      [false, false],
      2,
      false,
      'the cache of /haproxy is 101 s old',
    ],
    [
      'a refused prefix was never read',
      tree(layer(9, { '/haproxy': null }), layer(9)),
      [false, false],
      2,
      false,
      'the cache has nothing of /haproxy',
    ],
    [
      'a refused prefix of an optional one is too old',
      tree(layer(9, { '/haproxy': 101 }), layer(9)),
      [true, false],
      2,
      true,
      '',
    ],
  ])('%s', (_, found, optional, keys, isWhole, why) => {
    const seen = look(found, ...optional);
    expect([seen.keys?.length, seen.isWhole]).toEqual([keys, isWhole]);
    expect(seen.why).toContain(why);
    expect(seen.why === '').toBe(isWhole);
  });

  test('takes what is of any age with --accept-stale, but nothing that was never read', () => {
    const sources = [{}, {}];
    const any = { maxAge: Number.POSITIVE_INFINITY, sources, now: NOW };
    const old = tree(layer(101_000, { '/haproxy': 500_000 }), layer(101_000));
    expect(youngOf(old, any)).toMatchObject({ isWhole: true, tree: { entries: old.entries } });
    expect(youngOf(tree(layer(101_000, { '/haproxy': null }), layer(1)), any).isWhole).toBe(false);
  });

  test('is nothing where all is too old, optional or not', () => {
    expect(look(tree(layer(101), layer(101)), true, true)).toMatchObject({ keys: null, isWhole: false });
  });

  test('takes the one age of a cache that was written before sources had their own', () => {
    const { layers: _, ...old } = tree();
    expect(look(old, false, false)).toMatchObject({ isWhole: true, why: '' });
    expect(look({ ...old, freshAt: NOW - 101_000 }, false, false)).toMatchObject({
      keys: null,
      why: 'the cache is 101 s old, more than cache.maxAge (--accept-stale takes it)',
    });
  });

  test('the newest part says whether a cache is written again', () => {
    expect(newestOf(tree(layer(9), null, layer(5)))).toBe(NOW - 1);
    expect(newestOf({ ...tree(layer(9), layer(5)), freshAt: 0 })).toBe(NOW - 5);
  });
});
