import { describe, expect, test, vi } from 'vitest';
import type { Change, Entry } from '../../src/model/entry.ts';
import type { BelievedStore, CachedTree, Hold } from '../../src/ports/stores.ts';
import { Trees } from '../../src/tree/trees.ts';
import { recorder, servedAndDrawing } from '../reconcile/fakes.ts';
import { entry } from '../support/catalog.ts';

const GUARD = { share: 0.5, minimum: 4, window: 30_000, hold: 360_000 };
const OF = { index: 0, name: 'etcd' };

/** A store in memory. */
function memory(found: { tree?: CachedTree; holds?: readonly Hold[] } = {}) {
  const store: BelievedStore & { tree: CachedTree | null; holds: readonly Hold[] } = {
    tree: found.tree ?? null,
    holds: found.holds ?? [],
    load: async () => ({ tree: store.tree, holds: store.holds, words: [] }),
    async saveTree(tree: CachedTree) {
      store.tree = tree;
    },
    async saveHolds(holds: readonly Hold[]) {
      store.holds = holds;
    },
    releaseAsked: async () => null,
    releaseDone: async () => {},
  };
  return store;
}

async function setUp(store = memory(), file: 'installed' | 'none' = 'none', maxAge = 60_000) {
  const said = recorder();
  const { emit } = said;
  const { served, drawing } = servedAndDrawing(emit);
  const cache = { wait: 10, maxAge };
  const trees = new Trees({ served, emit, guard: { rules: GUARD, cache, store } });
  await trees.open(file);
  const keys = () => [...served.catalog.tree].map(({ key }) => key);
  const snapshot = (entries: readonly Entry[], revision: bigint) => {
    trees.heard({
      kind: 'heard',
      of: OF,
      what: 'snapshot',
      changed: entries.length,
      keys: entries.length,
      revision,
    });
    trees.take({ kind: 'snapshot', entries, revision });
  };
  const changes = (list: readonly Change[]) => trees.take({ kind: 'changes', changes: list, revision: 1n });
  return { trees, served, drawing, said, store, keys, snapshot, changes };
}

const INSTALLED = 'backend be_old\n  server a 10.0.0.9:80\n';
const LISTING = {
  folder: '/t',
  entry: 'a.njk',
  files: new Map([
    [
      'a.njk',
      `backend be_all
{% for s in services %}{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}{% endfor %}
{% for one in gets("/haproxy/members/*") %}
  server {{ base(one.key) }} {{ one.value }}
{% endfor %}
`,
    ],
  ]),
};
const servers = (count: number) =>
  Array.from({ length: count }, (_, n) => entry(`/services/web/i${n}`, `10.0.0.1:${8000 + n}`, n + 1));
const cached = (entries: readonly Entry[], age = 1000): CachedTree => ({
  entries,
  revisions: [50n],
  freshAt: Date.now() - age,
  sinceGood: new Map(),
});

describe('the trees', () => {
  test('without a cache there is none until the sources answer, and it is said why', async () => {
    const { trees, served, snapshot } = await setUp();
    expect(trees.giveUpWaiting()).toBe(true);
    expect(served.hasTree).toBe(false);
    expect(served.toDraw()).toMatchObject({ missing: expect.stringContaining('there is no cache') });
    snapshot(servers(2), 5n);
    expect(served.hasTree).toBe(true);
  });

  test('begins with the cache where the sources do not answer, told as stale, until they do', async () => {
    const { trees, served, said, snapshot, keys } = await setUp(memory({ tree: cached(servers(3)) }));
    expect(served.hasTree).toBe(false);
    trees.state({ kind: 'state', of: OF, state: 'connecting', error: new Error('no answer') });
    expect(trees.giveUpWaiting()).toBe(true);
    expect(served.hasTree).toBe(true);
    expect(keys()).toHaveLength(3);
    expect(trees.state({ kind: 'state', of: OF, state: 'connecting' }).state).toBe('stale');
    snapshot(servers(4), 60n);
    expect(said.kinds()).toEqual(['cache-served', 'cache-over']);
    expect(keys()).toHaveLength(4);
  });

  test('one of two sources answers: the cache is served for the other one, until that answers too', async () => {
    const two = { ...entry('/services/shop/b', '10.0.0.2:80', 3), source: 1 };
    const tree = { ...cached([...servers(2), two]), revisions: [50n, 60n] };
    const { trees, said, snapshot, keys, store } = await setUp(memory({ tree }));
    expect(trees.known.of(1)).toEqual({ entries: [two], without: [] });
    expect(trees.known.of(2)).toBeNull();
    expect(trees.known.gaveUp.aborted).toBe(false);
    trees.giveUpWaiting();
    expect(trees.known.gaveUp.aborted).toBe(true);
    // As the merged sources give it: their first with its keys, and the other with what is known of it.
    snapshot([...servers(3), two], 51n);
    expect(keys()).toHaveLength(4);
    expect(said.kinds()).toEqual(['cache-served']);
    const of = { index: 1, name: 'far' };
    expect(trees.state({ kind: 'state', of, state: 'connecting' }).state).toBe('stale');
    await trees.close();
    const [first, second] = store.tree?.layers ?? [];
    expect(second).toEqual({ freshAt: tree.freshAt, refused: new Map() });
    expect(first?.freshAt).toBeGreaterThan(tree.freshAt);
    trees.heard({ kind: 'heard', of, what: 'snapshot', changed: 1, keys: 1, revision: 61n });
    trees.take({ kind: 'snapshot', entries: [...servers(3), two], revision: 61n });
    expect(said.kinds()).toEqual(['cache-served', 'cache-over']);
  });

  test('what is refused is as old as when it was read last, and what never was read is nothing', async () => {
    const { trees, store } = await setUp(memory({ tree: cached(servers(2), 5000) }));
    const heard = (refused: readonly string[]) =>
      trees.heard({ kind: 'heard', of: OF, what: 'snapshot', changed: 2, keys: 2, revision: 51n, refused });
    heard(['/haproxy']);
    trees.take({ kind: 'snapshot', entries: servers(2), revision: 51n });
    expect(trees.known.of(0)?.without).toEqual([]);
    await trees.close();
    const [layer] = store.tree?.layers ?? [];
    expect((layer?.freshAt ?? 0) - (layer?.refused.get('/haproxy') ?? 0)).toBeGreaterThanOrEqual(5000);

    const fresh = await setUp();
    const of = { index: 0, name: 'etcd' };
    fresh.trees.heard({
      ...{ kind: 'heard', of, what: 'snapshot' },
      changed: 0,
      keys: 0,
      revision: 1n,
      refused: ['/haproxy'],
    });
    expect(fresh.trees.known.of(0)?.without).toEqual(['/haproxy']);
  });

  test('does not begin with a cache that is too old, and says so', async () => {
    const { trees, served, keys } = await setUp(memory({ tree: cached(servers(3), 61_000) }));
    expect(trees.giveUpWaiting()).toBe(true);
    expect(served.hasTree).toBe(false);
    expect(served.toDraw()).toMatchObject({
      missing: expect.stringMatching(/61 s old, more than cache.maxAge/),
    });
    expect(keys()).toEqual([]);
  });

  test('compares the first answer with the cache: a store that went back is held for ever', async () => {
    const { trees, keys, snapshot, store } = await setUp(memory({ tree: cached(servers(20)) }));
    snapshot(servers(19).slice(1), 7n);
    expect(trees.held).toBe(2);
    expect(keys()).toHaveLength(20);
    expect(trees.hashes.raw).not.toBe(trees.hashes.believed);
    await trees.close();
    expect(store.holds.map(({ rule }) => rule)).toEqual(['store', 'store']);
    snapshot(servers(20), 9n);
    expect(trees.held).toBe(0);
    expect(trees.hashes.raw).toBe(trees.hashes.believed);
  });

  test('a store that is empty at the start takes nothing away', async () => {
    const { trees, keys, snapshot } = await setUp(memory({ tree: cached(servers(2)) }));
    snapshot([], 70n);
    expect(keys()).toHaveLength(2);
    expect(trees.held).toBe(2);
  });

  test('without a cache an empty first tree does not take the place of an installed file with servers', async () => {
    const { drawing, served, snapshot, changes } = await setUp(memory(), 'installed');
    await drawing.templates.set(LISTING);
    snapshot([], 3n);
    expect(await drawing.draw(served.toDraw(), INSTALLED)).toMatchObject({
      missing: expect.stringContaining('waiting for'),
    });
    expect(await drawing.draw(served.toDraw(), 'frontend old\n  bind :80\n')).toMatchObject({ kind: 'set' });
    changes(servers(1).map((one) => ({ kind: 'put', entry: one })));
    expect(await drawing.draw(served.toDraw(), INSTALLED)).toMatchObject({ kind: 'set' });
  });

  test('routes and keys that outlived all instances take nothing away, keys that give servers go out', async () => {
    const { drawing, served, snapshot } = await setUp(memory(), 'installed');
    await drawing.templates.set(LISTING);
    snapshot([entry('/routes/web', { hosts: ['a.example'] }, 1), entry('/haproxy/maxconn', '5', 2)], 3n);
    expect(await drawing.draw(served.toDraw(), INSTALLED)).toMatchObject({ kind: 'nothing' });
    snapshot([entry('/haproxy/members/a', '10.0.0.1:80', 1)], 4n);
    expect(await drawing.draw(served.toDraw(), INSTALLED)).toMatchObject({ kind: 'set' });
  });

  test('a cache without an instance makes an empty first tree no surer', async () => {
    const store = memory({ tree: cached([entry('/haproxy/maxconn', '5', 2)]) });
    const { drawing, served, snapshot } = await setUp(store, 'installed');
    await drawing.templates.set(LISTING);
    snapshot([entry('/haproxy/maxconn', '5', 2)], 3n);
    expect(await drawing.draw(served.toDraw(), INSTALLED)).toMatchObject({ kind: 'nothing' });
  });

  test('goes on with what was held, and since when', async () => {
    const [lost, ...there] = servers(5);
    const since = Date.now() - 350_000;
    const holds: readonly Hold[] = lost ? [{ entry: lost, rule: 'emptied', since }] : [];
    const { trees, keys, snapshot, said } = await setUp(memory({ holds }));
    snapshot(there, 60n);
    expect(keys()).toHaveLength(5);
    expect(trees.turn().changed).toBe(0);
    await trees.close();
    const event = said.events.find(({ kind }) => kind === 'keys-held');
    expect(event).toMatchObject({ held: [{ key: '/services/web/i0', since, until: since + 360_000 }] });
  });

  test('a release lets everything go, and believes an empty first tree', async () => {
    const { trees, keys, snapshot } = await setUp(memory({ tree: cached(servers(2)) }));
    snapshot([], 70n);
    expect(trees.release().changed).toBe(2);
    expect(keys()).toEqual([]);
    const empty = await setUp(memory(), 'installed');
    empty.snapshot([], 3n);
    empty.trees.release();
    await empty.drawing.templates.set(LISTING);
    expect(await empty.drawing.draw(empty.served.toDraw(), INSTALLED)).toMatchObject({ kind: 'set' });
  });

  test('what throws is taken by no stage, and comes again', async () => {
    const { trees, served, keys, snapshot, changes } = await setUp();
    snapshot(servers(3), 5n);
    changes([{ kind: 'delete', key: '/services/web/i0' }]);
    const before = [keys(), trees.hashes, trees.held];
    vi.spyOn(served, 'apply').mockImplementationOnce(() => {
      throw new TypeError('a bug');
    });
    const step: Change[] = servers(3).map(({ key }) => ({ kind: 'delete', key }));
    expect(() => changes(step)).toThrow('a bug');
    expect([keys(), trees.hashes, trees.held]).toEqual(before);
    changes(step);
    expect([keys().length, trees.held]).toEqual([2, 2]);
  });

  test('is written with how fresh it is', async () => {
    const { trees, snapshot, store } = await setUp();
    snapshot(servers(2), 5n);
    trees.state({ kind: 'state', of: OF, state: 'live' });
    await trees.close();
    expect(store.tree?.entries).toHaveLength(2);
    expect(store.tree?.revisions).toEqual([5n]);
    expect(Math.abs(Date.now() - (store.tree?.freshAt ?? 0))).toBeLessThan(2000);
  });
});
