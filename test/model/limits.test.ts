import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { Admission } from '../../src/model/limits.ts';
import type { PlaceLimits } from '../../src/model/route-claims.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const LIMITS = { keys: 3, valueBytes: 20, totalBytes: 10_000 };

function put(key: string, value: string, revision: number): Change {
  return { kind: 'put', entry: entry(key, value, revision) };
}

/** What is seen of a source after these steps. */
function seen(...steps: readonly (readonly Change[])[]): Map<string, Entry> {
  const admission = new Admission(LIMITS);
  const tree = new Map<string, Entry>();
  for (const change of steps.flatMap((changes) => admission.apply(changes))) {
    if (change.kind === 'put') {
      tree.set(change.entry.key, change.entry);
    } else {
      tree.delete(change.key);
    }
  }
  return tree;
}

const reasons = (tree: ReadonlyMap<string, Entry>) =>
  Object.fromEntries([...tree].map(([key, { refused }]) => [key, refused ?? 'seen']));

describe('Admission', () => {
  test('refuses a value that is too large by its key, and keeps only its beginning', () => {
    const tree = seen([put('/haproxy/a', 'ü'.repeat(5000), 1), put('/haproxy/b', 'ok', 2)]);
    expect(reasons(tree)).toEqual({
      '/haproxy/a': 'the value has 10000 bytes, more than limits.valueBytes (20)',
      '/haproxy/b': 'seen',
    });
    expect(tree.get('/haproxy/a')?.value).toHaveLength(80);
  });

  test('refuses a key that is too long', () => {
    expect(Object.values(reasons(seen([put(`/${'k'.repeat(1024)}`, 'x', 1)])))).toEqual([
      'the key is longer than 1024 bytes',
    ]);
  });

  test('keeps the older keys when there are too many, and lets the next one in when one goes', () => {
    const four = [1, 2, 3, 4].map((at) => put(`/haproxy/${at}`, 'x', at));
    expect(reasons(seen(four))['/haproxy/4']).toBe(
      'limits.keys (3) is reached, and older keys keep their place',
    );
    const after = seen(four, [{ kind: 'delete', key: '/haproxy/2' }]);
    expect(reasons(after)).toEqual({ '/haproxy/1': 'seen', '/haproxy/3': 'seen', '/haproxy/4': 'seen' });
    expect(after.get('/haproxy/4')?.value).toBe('x');
  });

  test('has a tenth more room for folders with few keys: masses in others take no place from them', () => {
    const admission = new Admission({ keys: 100, valueBytes: 1000, totalBytes: 100_000 });
    const of = (folder: string, count: number) =>
      Array.from({ length: count }, (_, at) => put(`/services/${folder}/i${at}`, 'x', at));
    const isSeen = (changes: readonly Change[]) =>
      admission
        .apply(changes)
        .filter((change) => change.kind === 'put' && change.entry.refused === undefined);
    expect(isSeen(of('evil', 300))).toHaveLength(100);
    expect(isSeen(of('web', 5))).toHaveLength(5);
    expect(isSeen(of('evil', 300).slice(105))).toHaveLength(0);
    expect(isSeen(of('api', 1))).toHaveLength(1);
    expect(isSeen(of('late', 10))).toHaveLength(4);
    admission.apply([{ kind: 'delete', key: '/services/evil/i0' }]);
    expect(isSeen(of('last', 2))).toHaveLength(1);
  });

  test('counts the bytes of all keys and values together', () => {
    const admission = new Admission({ keys: 100, valueBytes: 1000, totalBytes: 1000 });
    const all = admission.replace([1, 2, 3].map((at) => entry(`/haproxy/${at}`, 'x'.repeat(400), at)));
    expect(all.map(({ refused }) => refused)).toEqual([
      undefined,
      undefined,
      'limits.totalBytes (1000) is reached, and older keys keep their place',
    ]);
  });

  test('counts what JSON becomes in the memory, and not its text alone', () => {
    const limits = { keys: 100, valueBytes: 10_000, totalBytes: 150_000 };
    const bomb = (filling: string) => `{"host":"10.0.0.1","port":80,"meta":{"a":${filling}}}`;
    const refused = (value: string) =>
      new Admission(limits).replace([1, 2].map((at) => entry(`/services/web/${at}`, value, at)))[1]?.refused;
    expect(refused(bomb(`[${'[],'.repeat(1_000)}0]`))).toBe(
      'limits.totalBytes (150000) is reached, and older keys keep their place',
    );
    expect(refused(bomb(JSON.stringify('[],\\"{:'.repeat(500))))).toBeUndefined();
    expect(refused(bomb('[1,2,3,4,5,6,7,8]'))).toBeUndefined();
    expect(refused('[],'.repeat(1_000)), 'a text is a text').toBeUndefined();
  });

  test('a whole tree keeps the older keys, whatever their order', () => {
    const entries = ['/haproxy/d', '/haproxy/c', '/haproxy/b', '/haproxy/a'].map((key, at) =>
      entry(key, 'x', at + 1),
    );
    for (const order of [entries, entries.toReversed()]) {
      const refused = new Admission(LIMITS).replace(order).filter((one) => one.refused !== undefined);
      expect(refused.map(({ key }) => key)).toEqual(['/haproxy/a']);
    }
  });

  test('names a tenth of the limits beyond them; what is beyond that it forgets, and counts, and deletes what it had named before', () => {
    const admission = new Admission({ ...LIMITS, keys: 30, totalBytes: 10_000 });
    admission.apply(Array.from({ length: 40 }, (_, at) => put(`/haproxy/${at}`, 'x', at + 1)));
    expect(admission.forgotten).toBe(7);
    expect(admission.apply([{ kind: 'delete', key: '/haproxy/39' }])).toEqual([]);
    expect(admission.forgotten).toBe(6);
    expect(admission.apply([{ kind: 'delete', key: '/haproxy/32' }])).toEqual([
      { kind: 'delete', key: '/haproxy/32' },
    ]);
    admission.replace([entry('/haproxy/0', 'x', 1)]);
    expect(admission.forgotten).toBe(0);
  });

  test('whatever happens, no more is seen than allowed, and nothing that is gone', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 9 }).map((at) => `/haproxy/${at}`),
      value: fc.oneof(fc.constant(null), fc.string({ maxLength: 25 })),
    });
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 20 }), (steps) => {
        const stored = new Map<string, string>();
        const changes = steps.map((all) =>
          all.map(({ key, value }): Change => {
            if (value === null) {
              stored.delete(key);
            } else {
              stored.set(key, value);
            }
            return value === null ? { kind: 'delete', key } : put(key, value, stored.size);
          }),
        );
        const tree = seen(...changes);
        const whole = [...tree.values()].filter(({ refused }) => refused === undefined);
        expect(whole.length).toBeLessThanOrEqual(LIMITS.keys);
        for (const { key, value } of whole) {
          expect(value).toBe(stored.get(key));
        }
        for (const key of tree.keys()) {
          expect(stored.has(key)).toBe(true);
        }
      }),
    );
  });
});

describe('a key that a limit kept out', () => {
  test('is rejected by its name, and no template sees it', () => {
    const catalog = new Catalog(OPTIONS);
    const entries = [entry('/haproxy/a', 'x'.repeat(50), 1), entry('/services/web/a', '10.0.0.1:80', 2)];
    catalog.replace(new Admission(LIMITS).replace(entries));
    expect(catalog.rejected.map(({ key }) => key)).toEqual(['/haproxy/a']);
    expect(catalog.tree.get('/haproxy/a')).toBeUndefined();
    expect([...catalog.tree.under('/haproxy')]).toEqual([]);
    expect(catalog.services[0]?.instances).toHaveLength(1);
  });

  test('takes its instance out, and comes back with a value that fits', () => {
    const catalog = new Catalog(OPTIONS);
    const admission = new Admission(LIMITS);
    const steps = ['10.0.0.1:80', '{"host":"10.0.0.1","port":80}', '10.0.0.2:80'].map((value, at) => {
      catalog.apply(admission.apply([put('/services/web/a', value, at + 1)]));
      return catalog.services.flatMap(({ instances }) => instances.map(({ address }) => address));
    });
    expect(steps).toEqual([['10.0.0.1:80'], [], ['10.0.0.2:80']]);
    expect(catalog.rejected).toEqual([]);
  });
});

describe('the limits of places', () => {
  const route = (count: number, of: string) => ({
    hosts: Array.from({ length: count }, (_, at) => `${of}${at}.example.com`),
    paths: ['/a', '/b'],
  });

  const limits = (some: Partial<PlaceLimits>) => ({
    ...OPTIONS,
    limits: { pairs: 100, hosts: 100, ...some },
  });
  const told = (catalog: Catalog) => catalog.rejected.map(({ key, reason }) => `${key}: ${reason}`);

  test('a route that asks for more places than one service may have is rejected whole; the others stay', () => {
    const catalog = new Catalog({ ...OPTIONS, grammar: { ...OPTIONS.grammar, placesPerService: 10 } });
    const plain = (count: number) => ({ hosts: route(count, 'plain').hosts });
    catalog.replace([
      entry('/routes/few', route(5, 'few'), 1),
      entry('/routes/many', route(6, 'many'), 2),
      entry('/routes/plain', plain(11), 3),
      entry('/routes/less', plain(10), 4),
    ]);
    const served = Object.groupBy(catalog.routes, ({ service }) => service);
    expect([served.few?.length, served.less?.length]).toEqual([10, 10]);
    expect(told(catalog)).toEqual([
      '/routes/many: its hosts and paths are 12 places, more than limits.placesPerService (10); until it is mended the service is on no frontend',
      '/routes/plain: its hosts and paths are 11 places, more than limits.placesPerService (10); until it is mended the service is on no frontend',
    ]);
  });

  test('pairs of host and path, and wildcards, are bounded for all routes together; the older ones stay', () => {
    const catalog = new Catalog(limits({ pairs: 10 }));
    catalog.replace([
      entry('/routes/few', route(4, 'few'), 1),
      entry('/routes/more', route(2, 'more'), 2),
      entry('/routes/wild', { hosts: ['*.a.example', '*.b.example', '*.c.example'] }, 3),
      entry('/routes/any', { paths: ['/x', '/y'] }, 4),
      entry('/routes/plain', { hosts: route(90, 'plain').hosts }, 5),
    ]);
    expect(new Set(catalog.routes.map(({ service }) => service))).toEqual(new Set(['few', 'any', 'plain']));
    expect(told(catalog)).toEqual([
      '/routes/more: its 4 pairs of host and path go beyond limits.routes (10 of all routes together), and older routes keep theirs',
      '/routes/wild: its 3 pairs of host and path go beyond limits.routes (10 of all routes together), and older routes keep theirs',
    ]);
  });

  test('hosts without paths are bounded for all services together: no newcomer takes the place of what follows from a name', () => {
    const catalog = new Catalog(limits({ hosts: 5 }));
    catalog.replace([
      entry('/services/web/a', '10.0.0.1:80', 1),
      entry('/routes/evil', { hosts: route(5, 'evil').hosts }, 2),
      entry('/routes/good', { hosts: route(4, 'good').hosts }, 3),
      entry('/routes/paths', route(4, 'paths'), 4),
    ]);
    expect(catalog.service('web')?.hosts).toEqual(['web']);
    expect(catalog.service('good')?.hosts).toHaveLength(4);
    expect(catalog.service('paths')?.hosts).toHaveLength(4);
    expect(told(catalog)).toEqual([
      '/routes/evil: its 5 hosts go beyond limits.hosts (5 without paths of all services together), and older keys keep theirs',
    ]);
    catalog.apply([
      { kind: 'delete', key: '/services/web/a' },
      { kind: 'delete', key: '/routes/good' },
    ]);
    expect(catalog.service('evil')?.hosts).toHaveLength(5);
    expect(catalog.rejected).toEqual([]);
  });

  test('lost places of one route are told one by one up to a hundred', () => {
    const catalog = new Catalog(OPTIONS);
    catalog.replace([entry('/routes/a', route(200, 'x'), 1), entry('/routes/b', route(200, 'x'), 2)]);
    expect(catalog.rejected).toHaveLength(101);
    expect(catalog.rejected.filter(({ reason }) => reason.startsWith('300 more'))).toHaveLength(1);
  });
});
