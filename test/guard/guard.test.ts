import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BelievedTree, type GuardStep } from '../../src/guard/believed-tree.ts';
import type { GuardOptions } from '../../src/guard/guard.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import type { ReadEntry } from '../../src/model/read-entry.ts';
import { Tree } from '../../src/model/tree.ts';
import type { Hold } from '../../src/ports/stores.ts';
import { RawTree, type SourceData } from '../../src/tree/raw-tree.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const MINUTE = 60_000;
const SETTINGS: GuardOptions = { share: 0.5, minimum: 4, window: 30_000, hold: 6 * MINUTE };

/** A believed tree over what its sources say, with a clock of its own. `tree` follows its changes. */
function setUp(settings: Partial<GuardOptions> = {}) {
  const raw = new RawTree(OPTIONS.grammar);
  const tree = new Tree<ReadEntry>();
  const guard = new BelievedTree(raw, { ...SETTINGS, ...settings });
  const site = {
    now: 1_000_000,
    raw,
    tree,
    guard,
    last: { changes: [], held: [], letGo: [] } as GuardStep,
    apply(step: GuardStep) {
      tree.apply(step.changes);
      site.last = step;
      expect(new Set([...guard].map(({ key }) => key))).toEqual(new Set(site.keys()));
      return step;
    },
    step(event: SourceData, doubted?: ReadonlySet<number>) {
      const changes = raw.take(event, { now: site.now, believed: (key) => guard.held.get(key)?.entry });
      return site.apply(guard.apply({ changes, now: site.now, ...(doubted ? { doubted } : {}) }));
    },
    take: (changes: readonly Change[], doubted?: ReadonlySet<number>) =>
      site.step({ kind: 'changes', changes, revision: 1n }, doubted),
    snapshot: (entries: Iterable<Entry>, doubted?: ReadonlySet<number>) =>
      site.step({ kind: 'snapshot', entries: [...entries], revision: 1n }, doubted),
    put: (...entries: readonly Entry[]) =>
      site.take(entries.map((one): Change => ({ kind: 'put', entry: one }))),
    drop: (...keys: readonly string[]) => site.take(keys.map((key): Change => ({ kind: 'delete', key }))),
    turn: () => site.apply(guard.turn(site.now)),
    keys: () => [...tree].map(({ key }) => key),
    held: () => [...guard.held.values()].map((hold: Hold) => hold.entry.key).sort(),
    nextEnd: () =>
      [...guard.held.values()].reduce(
        (first, { until }) => Math.min(first, until ?? first),
        Number.POSITIVE_INFINITY,
      ),
    rules: () => [...new Set([...guard.held.values()].map((hold) => hold.rule))],
    /** What there was all the time. */
    start(entries: readonly Entry[]) {
      site.put(...entries);
      guard.settle();
    },
  };
  return site;
}

const server = (service: string, n: number | string, port = 8000 + Number(n)) =>
  entry(`/services/${service}/i${n}`, `10.0.${service.charCodeAt(0)}.1:${port}`, 100);
const servers = (service: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => server(service, from + n));
const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key);

describe('the guard', () => {
  test('believes the loss of a few at once, and additions and changes always', () => {
    const site = setUp();
    site.start(servers('web', 8));
    site.drop('/services/web/i0', '/services/web/i1');
    site.put(server('web', 9), server('api', 1));
    site.put(entry('/services/web/i5', '10.9.9.9:1', 200));
    expect(site.held()).toEqual([]);
    expect(site.keys()).toHaveLength(8);
    expect(site.tree.get('/services/web/i5')?.value).toBe('10.9.9.9:1');
  });

  test('holds the last of a service, whatever its size', () => {
    const site = setUp();
    site.start([...servers('web', 1), ...servers('other', 10)]);
    site.drop('/services/web/i0');
    expect(site.held()).toEqual(['/services/web/i0']);
    expect(site.rules()).toEqual(['emptied']);
    expect(site.tree.get('/services/web/i0')).toBeDefined();
  });

  test('brings back what of an emptied service went within the window', () => {
    const site = setUp();
    site.start([...servers('web', 3), ...servers('other', 10)]);
    for (const { key } of servers('web', 3)) {
      site.now += 5_000;
      site.drop(key);
    }
    expect(site.held()).toEqual(keysOf(servers('web', 3)));
    expect(site.keys()).toHaveLength(13);
  });

  test.each([
    [49, 0],
    [50, 0],
    [51, 51],
  ])('of 100 gone at once, %i are held as %i', (gone, held) => {
    const site = setUp();
    const web = servers('web', 100);
    site.start([...web, ...servers('other', 200)]);
    site.drop(...keysOf(web).slice(0, gone));
    expect(site.held()).toHaveLength(held);
    expect(site.keys()).toHaveLength(300 - (held > 0 ? 0 : gone));
  });

  test('believes the loss of fewer than the minimum', () => {
    const site = setUp();
    site.start([...servers('web', 4), ...servers('other', 20)]);
    site.drop('/services/web/i0', '/services/web/i1', '/services/web/i2');
    expect(site.held()).toEqual([]);
  });

  test('adds up the losses of all services', () => {
    const site = setUp();
    const all = ['a', 'bb', 'ccc', 'dddd'].flatMap((name) => servers(name, 5));
    site.start(all);
    const gone = ['a', 'bb', 'ccc', 'dddd'].flatMap((name) => keysOf(servers(name, 3)));
    for (const key of gone) {
      site.drop(key);
    }
    expect(site.rules()).toEqual(['total']);
    expect(site.held()).toEqual([...gone].sort());
  });

  test('counts arrivals against the losses of their service: deploys are none', () => {
    for (const size of [2, 4, 20]) {
      const site = setUp();
      site.start(servers('web', size));
      for (const { entry: _, at } of servers('web', size).map((one, at) => ({ entry: one, at }))) {
        site.put(server('web', 100 + at));
        site.drop(`/services/web/i${at}`);
        site.now += 700;
      }
      expect(site.held()).toEqual([]);
      expect(site.keys()).toEqual(keysOf(servers('web', size, 100)).sort());
      // Blue/green, in one transaction and in two.
      site.take([
        ...servers('web', size, 200).map((one): Change => ({ kind: 'put', entry: one })),
        ...servers('web', size, 100).map((one): Change => ({ kind: 'delete', key: one.key })),
      ]);
      site.put(...servers('web', size, 300));
      site.now += 60_000;
      site.drop(...keysOf(servers('web', size, 200)));
      expect(site.held()).toEqual([]);
      expect(site.keys()).toEqual(keysOf(servers('web', size, 300)).sort());
    }
  });

  test('a service that grew does not make up for others', () => {
    const site = setUp();
    site.start(servers('web', 10));
    site.put(...servers('other', 50));
    site.drop(...keysOf(servers('web', 9)));
    expect(site.held()).toHaveLength(9);
  });

  test('of a service that shrinks one by one it brings back only what went a moment ago', () => {
    const site = setUp();
    site.start([...servers('web', 10), ...servers('other', 30)]);
    for (const { key } of servers('web', 7)) {
      site.now += 2_000;
      site.drop(key);
    }
    expect(site.held()).toEqual(['/services/web/i4', '/services/web/i5', '/services/web/i6']);
  });

  test('forgets losses that are older than the window', () => {
    const site = setUp();
    site.start(servers('web', 16));
    for (const count of [7, 4, 2]) {
      site.drop(...keysOf([...site.tree]).slice(0, count));
      expect(site.held()).toEqual([]);
      site.now += 31_000;
    }
    expect(site.keys()).toHaveLength(3);
  });

  test('holds routes and free keys of which more than the share goes, at least two', () => {
    const site = setUp();
    const routes = ['a', 'b', 'c'].map((name) => entry(`/routes/${name}`, '{}'));
    const free = ['a', 'b', 'c'].map((name) => entry(`/haproxy/${name}`, '1'));
    site.start([...routes, ...free, ...servers('web', 4)]);
    site.drop('/routes/a', '/haproxy/a');
    expect(site.held()).toEqual([]);
    site.drop('/routes/b');
    expect(site.held()).toEqual(['/routes/a', '/routes/b']);
    site.drop('/haproxy/b', '/haproxy/c');
    expect(site.rules()).toEqual(['routes', 'keys']);
    site.now += 6 * MINUTE;
    site.turn();
    expect(site.keys()).toEqual(['/routes/c', ...keysOf(servers('web', 4))]);
  });

  test('a service that came within the window may not go whole, but shrink', () => {
    const site = setUp();
    site.start(servers('other', 20));
    site.put(...servers('web', 8));
    site.drop(...keysOf(servers('web', 6)));
    expect(site.held()).toEqual([]);
    site.drop(...keysOf(servers('web', 8)));
    expect(site.held()).toEqual(keysOf(servers('web', 8)));
  });

  test('a single route may go', () => {
    const site = setUp();
    site.start([entry('/routes/a', '{}'), ...servers('web', 1)]);
    site.drop('/routes/a');
    expect(site.held()).toEqual([]);
  });

  test('believes after the hold, each key by its own time', () => {
    const site = setUp();
    site.start([...servers('web', 1), ...servers('api', 1), ...servers('other', 9)]);
    site.drop('/services/web/i0');
    site.now += MINUTE;
    site.drop('/services/api/i0');
    expect(site.nextEnd()).toBe(site.now + 5 * MINUTE);
    site.now += 5 * MINUTE - 1;
    expect(site.turn().letGo).toEqual([]);
    site.now += 1;
    expect(site.turn().letGo).toEqual([{ key: '/services/web/i0', why: 'believed' }]);
    expect(site.held()).toEqual(['/services/api/i0']);
    expect(site.tree.get('/services/web/i0')).toBeUndefined();
  });

  test('never believes the loss of everything by itself, also key by key', () => {
    const site = setUp();
    const all = ['a', 'bb', 'ccc'].flatMap((name) => servers(name, 7));
    site.start(all);
    for (const { key } of all) {
      site.now += 100;
      site.drop(key);
    }
    expect(site.held()).toEqual(keysOf(all).sort());
    expect(site.rules()).toEqual(['everything']);
    site.now += 1000 * MINUTE;
    expect(site.turn().letGo).toEqual([]);
    expect(site.nextEnd()).toBe(Number.POSITIVE_INFINITY);
    const step = site.apply(site.guard.letGo(site.held(), 'released'));
    expect(step.letGo).toHaveLength(21);
    expect(site.keys()).toEqual([]);
  });

  test('never believes a store in doubt by itself, whatever is lost with it', () => {
    const site = setUp();
    site.start([...servers('web', 20), entry('/routes/web', '{}')]);
    site.put(server('late', 1));
    const gone = ['/services/web/i0', '/services/late/i1', '/routes/web'];
    site.take(
      gone.map((key): Change => ({ kind: 'delete', key })),
      new Set([0]),
    );
    expect(site.held()).toEqual([...gone].sort());
    expect(site.rules()).toEqual(['store']);
    site.now += 1000 * MINUTE;
    expect(site.turn().changes).toEqual([]);
    site.put(server('web', 0), server('late', 1), entry('/routes/web', '{}'));
    expect(site.held()).toEqual([]);
    expect(new Set(site.last.letGo.map(({ why }) => why))).toEqual(new Set(['back']));
  });

  test.each([
    ['wiped', new Set([0])],
    ['emptied', new Set<number>()],
  ])('gives no instance back whose place another one had when the store is %s', (_, doubted) => {
    const site = setUp();
    const [old, fresh] = [servers('web', 3), servers('web', 6).slice(3)];
    site.start([...old, server('db', 1)]);
    site.put(...fresh);
    for (const { key } of old) {
      site.now += 100;
      site.drop(key);
    }
    site.now += 100;
    site.snapshot([], doubted);
    expect(site.held()).toEqual(keysOf([...fresh, server('db', 1)]).sort());
  });

  test('takes those that came later, or in the same step, for the place of those that went', () => {
    const site = setUp();
    const [old, fresh] = [servers('web', 3), servers('web', 6).slice(3)];
    site.start(old);
    site.drop('/services/web/i0');
    site.put(...fresh.slice(0, 1));
    site.snapshot(fresh);
    site.now += 100;
    site.snapshot([], new Set([0]));
    expect(site.held()).toEqual(keysOf(fresh).sort());
  });

  test('gives back what goes together with a wiped store, though others had come for it', () => {
    const site = setUp();
    site.start(servers('web', 3));
    site.put(...servers('web', 6).slice(3));
    site.now += 100;
    site.snapshot([], new Set([0]));
    expect(site.held()).toEqual(keysOf(servers('web', 6)).sort());
  });

  test('a source in doubt casts none on the others', () => {
    const site = setUp();
    site.start([...servers('web', 20), { ...entry('/haproxy/a', '1'), source: 1 }]);
    site.take(
      [
        { kind: 'delete', key: '/haproxy/a' },
        { kind: 'delete', key: '/services/web/i0' },
      ],
      new Set([1]),
    );
    expect(site.held()).toEqual(['/haproxy/a']);
  });

  test('lets go of a held instance when its address is claimed anew, in the same step too', () => {
    const site = setUp();
    site.start([...servers('web', 3), ...servers('other', 9)]);
    site.take([
      ...keysOf(servers('web', 3)).map((key): Change => ({ kind: 'delete', key })),
      { kind: 'put', entry: entry('/services/api/x', '10.0.119.1:8000', 1) },
    ]);
    expect(site.held()).toEqual(['/services/web/i1', '/services/web/i2']);
    site.put(entry('/services/api/y', '10.0.119.1:8001', 1));
    expect(site.last.letGo).toEqual([{ key: '/services/web/i1', why: 'claimed' }]);
    site.put(entry('/services/other/i0', '10.0.119.1:8002', 1));
    expect(site.held()).toEqual([]);
  });

  test('does not hold what shares its address with a live key', () => {
    const site = setUp();
    site.start([entry('/services/web/a', '10.0.0.1:80', 1), entry('/services/api/b', '10.0.0.1:80', 2)]);
    site.drop('/services/web/a');
    expect(site.held()).toEqual([]);
  });

  test('lets one held instance go for each new one of its service, of the same host first', () => {
    const site = setUp();
    site.start([
      entry('/services/web/a', '10.0.0.1:80', 1),
      entry('/services/web/b', '10.0.0.2:80', 1),
      ...servers('other', 9),
    ]);
    site.drop('/services/web/a', '/services/web/b');
    site.put(entry('/services/web/c', '10.0.0.2:81', 2));
    expect(site.last.letGo).toEqual([{ key: '/services/web/b', why: 'replaced' }]);
    site.put(entry('/services/web/d', '10.0.0.3:81', 2));
    expect(site.held()).toEqual([]);
    expect(site.keys().filter((key) => key.startsWith('/services/web'))).toEqual([
      '/services/web/c',
      '/services/web/d',
    ]);
  });

  test('lets go of held keys that it is told to, and of no others', () => {
    const site = setUp();
    site.start([...servers('web', 2), ...servers('other', 9)]);
    site.drop(...keysOf(servers('web', 2)));
    const step = site.apply(site.guard.letGo(['/services/web/i1', '/services/other/i1'], 'released'));
    expect(step.letGo).toEqual([{ key: '/services/web/i1', why: 'released' }]);
    expect(site.held()).toEqual(['/services/web/i0']);
  });

  test('what a limit keeps out counts for nothing, and is gone when it goes', () => {
    const site = setUp();
    const large = { ...server('web', 9), refused: 'too large' };
    site.start([...servers('web', 1), large]);
    site.drop(large.key);
    expect(site.keys()).toEqual(['/services/web/i0']);
    site.snapshot([large]);
    expect(site.held()).toEqual(['/services/web/i0']);
  });

  test('stands a flapping store: gone and back, again and again', () => {
    const site = setUp();
    const all = [...servers('web', 6), ...servers('api', 2)];
    site.start(all);
    for (let turn = 0; turn < 20; turn++) {
      site.drop(...keysOf(all));
      expect(site.held()).toHaveLength(8);
      site.now += 3_000;
      site.put(...all);
      expect(site.held()).toEqual([]);
      expect(site.keys()).toHaveLength(8);
      site.now += 3_000;
    }
  });

  test('goes on after a restart with what was held, and since when', () => {
    const site = setUp();
    site.start([...servers('web', 2), ...servers('other', 9)]);
    site.drop(...keysOf(servers('web', 2)));
    const holds = [...site.guard.held.values()];
    const again = new BelievedTree(site.raw, SETTINGS);
    again.begin(holds);
    site.now += 5 * MINUTE;
    expect(again.turn(site.now).letGo).toEqual([]);
    site.now += MINUTE;
    expect(again.turn(site.now).letGo).toHaveLength(2);
  });

  test('a wiped store that is found at a restart is suspect too', () => {
    const site = setUp();
    site.put(...servers('web', 5));
    site.guard.begin([]);
    site.snapshot([server('new', 1)]);
    expect(site.held()).toEqual(keysOf(servers('web', 5)));
  });

  test('keeps its counts right whatever happens: believed is what there is and what is held', () => {
    const step = fc.record({
      act: fc.constantFrom('put', 'drop', 'snapshot', 'turn', 'release', 'wipe'),
      keys: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 12 }),
      ports: fc.integer({ min: 0, max: 2 }),
      wait: fc.integer({ min: 0, max: 20_000 }),
    });
    const key = (n: number) => (n > 9 ? `/routes/r${n}` : `/services/s${n % 3}/i${n}`);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const site = setUp({ hold: 60_000, minimum: 2 });
        const raw = new Map<string, Entry>();
        site.start([]);
        for (const { act, keys, ports, wait } of steps) {
          site.now += wait;
          const value = (n: number) => (n > 9 ? '{}' : `10.0.0.1:${1 + ((n + ports) % 12)}`);
          if (act === 'put' || act === 'snapshot') {
            if (act === 'snapshot') {
              raw.clear();
            }
            for (const n of keys) {
              raw.set(key(n), entry(key(n), value(n), ports));
            }
          }
          if (act === 'drop') {
            for (const n of keys) {
              raw.delete(key(n));
            }
          }
          if (act === 'wipe') {
            raw.clear();
          }
          if (act === 'turn') {
            site.turn();
          } else if (act === 'release') {
            site.apply(site.guard.letGo(keys.map(key), 'released'));
          } else if (act === 'put') {
            site.put(...keys.map((n) => raw.get(key(n))).filter((one) => one !== undefined));
          } else if (act === 'drop') {
            site.drop(...keys.map(key));
          } else {
            site.snapshot(raw.values(), act === 'wipe' ? new Set([0]) : undefined);
          }
          const believed = new Set(site.keys());
          expect(believed).toEqual(new Set([...raw.keys(), ...site.held()]));
          const live = new Set([...raw.values()].map((one) => one.value));
          for (const hold of site.guard.held.values()) {
            expect(raw.has(hold.entry.key)).toBe(false);
            if (hold.entry.key.startsWith('/services')) {
              expect(live.has(hold.entry.value)).toBe(false);
            }
          }
          if ([...believed].every((one) => one.startsWith('/routes'))) {
            continue;
          }
          const lasting = ![...raw.keys()].some((one) => one.startsWith('/services'));
          if (lasting) {
            for (const hold of site.guard.held.values()) {
              if (hold.entry.key.startsWith('/services')) {
                expect(['store', 'everything']).toContain(hold.rule);
              }
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
