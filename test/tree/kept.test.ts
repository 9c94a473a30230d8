import { describe, expect, test, vi } from 'vitest';
import type { KeptKey } from '../../src/events.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { tooLarge } from '../../src/model/limits.ts';
import type { BelievedStore, CachedTree, Hold } from '../../src/ports/stores.ts';
import { ServedTree } from '../../src/tree/served-tree.ts';
import { Trees } from '../../src/tree/trees.ts';
import { recorder } from '../reconcile/fakes.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const GUARD = { share: 0.5, minimum: 4, window: 30_000, hold: 360_000 };

function memory() {
  const store: BelievedStore & { tree: CachedTree | null; holds: readonly Hold[] } = {
    tree: null,
    holds: [],
    load: async () => ({ tree: store.tree, holds: store.holds, words: [] }),
    async saveTree(tree) {
      store.tree = tree;
    },
    async saveHolds(holds) {
      store.holds = holds;
    },
    releaseAsked: async () => null,
    releaseDone: async () => {},
  };
  return store;
}

/** Trees of a store that holds these keys; each write is one revision later. */
async function setUp(
  entries: readonly Entry[],
  options: { store?: ReturnType<typeof memory>; allow?: true } = {},
) {
  const { store = memory(), allow } = options;
  const said = recorder();
  const catalog = { ...OPTIONS, ...(allow ? { duplicateAddresses: 'allow' as const } : {}) };
  const served = new ServedTree({ catalog, emit: said.emit, keptMax: 86_400_000 });
  const guard = { rules: GUARD, cache: { wait: 10, maxAge: 60_000 }, store };
  const trees = new Trees({ served, emit: said.emit, guard });
  await trees.open('none');
  const snapshot = (all: readonly Entry[]) =>
    void trees.take({ kind: 'snapshot', entries: all, revision: 1n });
  snapshot(entries);
  const changes = (...list: Change[]) => void trees.take({ kind: 'changes', changes: list, revision: 1n });
  return {
    ...{ trees, served, said, store, snapshot, changes },
    put: (...all: Entry[]) => changes(...all.map((one) => ({ kind: 'put', entry: one }) as const)),
    delete: (...keys: string[]) => changes(...keys.map((key) => ({ kind: 'delete', key }) as const)),
    /** What is served, by service. */
    servers: () =>
      served.catalog.services.flatMap(({ name, instances }) =>
        instances.map(({ id, address, drain }) => `${name}/${id} ${address}${drain ? ' drain' : ''}`),
      ),
    kept: () => {
      const kept = new Map<string, KeptKey>();
      for (const event of said.events) {
        if (event.kind === 'keys-kept') {
          event.kept.forEach((one) => void kept.set(one.key, one));
        } else if (event.kind === 'kept-over') {
          event.keys.forEach((key) => void kept.delete(key));
        }
      }
      return [...kept.values()];
    },
    rejected: () => served.catalog.rejected.map(({ key }) => key),
  };
}

const at = (id: string, service = 'web') => `/services/${service}/${id}`;
const web = (id: string, port: number, revision = 1) => entry(at(id), `10.0.0.1:${port}`, revision);
const bad = (id: string, fields: object = {}, revision = 9) =>
  ({ ...entry(at(id), { weight: 'heavy', ...fields }, 1), modified: BigInt(revision) }) satisfies Entry;

describe('a good value that is overwritten by one that is refused', () => {
  test.each([
    ['of no address', 'foo bar'],
    ['that is empty', ''],
    ['that is no JSON', '{"host":"10.0.0.1","port":1,}'],
    ['with a field that does not fit', '{"host":"10.0.0.1","port":1,"backup":"perhaps"}'],
  ])('%s keeps its last good form, and says why', async (_, value) => {
    const site = await setUp([web('a', 1), web('b', 2)]);
    site.put(entry(at('a'), value, 5));
    expect(site.servers()).toEqual(['web/a 10.0.0.1:1', 'web/b 10.0.0.1:2']);
    expect(site.kept()).toMatchObject([{ key: at('a'), by: 'grammar', form: '10.0.0.1:1' }]);
    expect(site.kept()[0]?.reason).not.toBe('');
    expect(site.rejected()).toEqual([]);
    site.put(web('a', 7, 6));
    expect(site.servers()).toEqual(['web/a 10.0.0.1:7', 'web/b 10.0.0.1:2']);
    expect(site.kept()).toEqual([]);
  });

  test('beyond a limit keeps it too', async () => {
    const site = await setUp([web('a', 1), entry('/haproxy/x', '5')]);
    const limits = { keys: 9, valueBytes: 64, totalBytes: 1000, routes: 9 };
    const large = { ...entry('/haproxy/x', 'y'.repeat(40), 5), refused: 'too large' };
    expect(tooLarge(large, limits, 100)).toContain('limits.valueBytes');
    site.put(large);
    expect(site.served.catalog.tree.get('/haproxy/x')?.value).toBe('5');
    expect(site.kept()).toMatchObject([{ key: '/haproxy/x', by: 'limits', form: '5', reason: 'too large' }]);
  });

  test('of a route keeps its hosts, and its age against others', async () => {
    const route = entry('/routes/web', { hosts: ['shop.test'] }, 3);
    const site = await setUp([web('a', 1), route, web('x', 9), entry(at('y', 'api'), '10.0.0.2:1')]);
    site.changes(
      { kind: 'delete', key: route.key },
      { kind: 'put', entry: entry('/routes/web', '{"hosts":["shop.test"],}', 8) },
      { kind: 'put', entry: entry('/routes/api', { hosts: ['shop.test'] }, 7) },
    );
    expect(site.served.catalog.routes).toMatchObject([{ service: 'web', host: 'shop.test' }]);
    expect(site.rejected()).toEqual(['/routes/api']);
  });

  test('tells it once, and again where the reason is another one', async () => {
    const site = await setUp([web('a', 1)]);
    site.put(bad('a', { host: '10.0.0.1', port: 1 }));
    site.put(bad('a', { host: '10.0.0.1', port: 1 }, 10));
    expect(site.said.kinds().filter((kind) => kind === 'keys-kept')).toHaveLength(1);
    site.put(entry(at('a'), '', 11));
    expect(site.said.kinds().filter((kind) => kind === 'keys-kept')).toHaveLength(2);
  });

  test('goes to the address, and drains, where it still says that', async () => {
    const site = await setUp([entry(at('a'), { host: '10.0.0.1', port: 1, maxconn: 7 }, 1)]);
    site.put(bad('a', { host: '10.0.0.8', port: 8 }));
    expect(site.servers()).toEqual(['web/a 10.0.0.8:8']);
    expect(site.served.catalog.service('web')?.instances[0]?.maxconn).toBe(7);
    site.put(bad('a', { host: '10.0.0.8', port: 8, drain: true }, 10));
    expect(site.servers()).toEqual(['web/a 10.0.0.8:8 drain']);
    site.put(entry(at('a'), 'foo bar', 11));
    expect(site.servers()).toEqual(['web/a 10.0.0.8:8 drain']);
  });

  test('gives its address to a key that is written later, for good, and to none that is older', async () => {
    const site = await setUp([web('old', 1, 1), web('a', 1, 2), web('z', 5, 1)]);
    site.put(entry(at('a'), 'foo bar', 5));
    expect(site.servers()).toEqual(['web/a 10.0.0.1:1', 'web/z 10.0.0.1:5']);
    expect(site.rejected()).toEqual([at('old')]);
    site.put(web('new', 1, 4));
    expect(site.servers()).toEqual(['web/new 10.0.0.1:1', 'web/z 10.0.0.1:5']);
    expect(site.kept()).toEqual([]);
    expect(site.rejected()).toContain(at('a'));
    site.delete(at('new'));
    expect(site.servers()).toEqual(['web/old 10.0.0.1:1', 'web/z 10.0.0.1:5']);
  });

  test('shares its address where that is allowed', async () => {
    const site = await setUp([web('a', 1, 2)], { allow: true });
    site.put(entry(at('a'), 'foo bar', 5), web('new', 1, 6));
    expect(site.servers()).toEqual(['web/a 10.0.0.1:1', 'web/new 10.0.0.1:1']);
    expect(site.kept()).toHaveLength(1);
  });

  test('is one that the guard holds when it is deleted, and that a release lets go', async () => {
    const site = await setUp([web('a', 1), web('b', 2)]);
    site.put(entry(at('a'), 'foo bar', 5), entry(at('b'), '', 5));
    site.trees.release();
    expect(site.servers()).toHaveLength(2);
    site.delete(at('a'), at('b'));
    expect(site.trees.held).toBe(2);
    expect(site.servers()).toHaveLength(2);
    site.trees.release();
    expect(site.servers()).toEqual([]);
    expect(site.kept()).toEqual([]);
  });

  test('is the same where it was deleted in between: within a snapshot, or held', async () => {
    const site = await setUp([web('a', 1), web('b', 2)]);
    site.snapshot([entry(at('a'), 'foo bar', 5), web('b', 2)]);
    expect(site.servers()).toHaveLength(2);
    site.delete(at('a'), at('b'));
    site.put(entry(at('a'), 'worse', 8), entry(at('b'), 'worse', 8));
    expect(site.trees.held).toBe(0);
    expect(site.servers()).toEqual(['web/a 10.0.0.1:1', 'web/b 10.0.0.1:2']);
    expect(site.kept()).toHaveLength(2);
  });

  test('is left out where it was never good', async () => {
    const site = await setUp([entry(at('a'), 'foo bar', 1), web('b', 2)]);
    site.put(entry(at('a'), 'worse', 2), entry(at('c'), '', 3));
    expect(site.servers()).toEqual(['web/b 10.0.0.1:2']);
    expect(site.kept()).toEqual([]);
    expect(site.rejected()).toEqual([at('a')]);
  });

  test('survives a restart with the time that it began, whether the cache has the bad value or not', async () => {
    const store = memory();
    const before = await setUp([web('a', 1), web('b', 2)], { store });
    await before.trees.close();
    const early = await setUp([entry(at('a'), 'foo bar', 5), web('b', 2)], { store });
    expect(early.servers()).toHaveLength(2);
    const [kept] = early.kept();
    await early.trees.close();
    const late = await setUp([entry(at('a'), 'foo bar', 5), web('b', 2)], { store });
    expect(late.servers()).toHaveLength(2);
    expect(late.kept()).toEqual([kept]);
  });

  test('says raw, believed and served by three hashes', async () => {
    const site = await setUp([web('a', 1), web('b', 2)]);
    const { raw, believed, served } = site.trees.hashes;
    expect([believed, served]).toEqual([raw, raw]);
    site.put(entry(at('a'), 'foo bar', 5));
    const now = site.trees.hashes;
    expect(now.served).toBe(served);
    expect(now.believed).toBe(now.raw);
    expect(now.raw).not.toBe(raw);
  });

  test('alerts once where it lasts, and goes on', async () => {
    const site = await setUp([web('a', 1)]);
    site.put(entry(at('a'), 'foo bar', 5));
    site.trees.turn();
    const long = () => site.said.events.filter(({ kind }) => kind === 'kept-too-long');
    expect(long()).toEqual([]);
    const day = performance.now() + 86_400_001;
    vi.spyOn(performance, 'now').mockImplementation(() => day);
    site.trees.turn();
    site.trees.turn();
    vi.restoreAllMocks();
    expect(long()).toMatchObject([{ keys: [at('a')] }]);
    expect(site.servers()).toEqual(['web/a 10.0.0.1:1']);
  });
});
