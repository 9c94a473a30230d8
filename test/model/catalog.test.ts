import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { catalogOf, entry, OPTIONS } from '../support/catalog.ts';

const reasons = (catalog: Catalog) => Object.fromEntries(catalog.rejected.map((r) => [r.key, r.reason]));
const ids = (catalog: Catalog, name: string) => catalog.service(name)?.instances.map((i) => i.id);

describe('Catalog', () => {
  test('gathers the instances of a service sorted by id, whatever the order of the keys', () => {
    const catalog = catalogOf({ '/services/web/b': '10.0.0.2:80', '/services/web/a': '10.0.0.1:80' });
    expect(ids(catalog, 'web')).toEqual(['a', 'b']);
    expect(catalog.services.map((s) => s.name)).toEqual(['web']);
    expect(catalog.rejected).toEqual([]);
  });

  test('rejects a bad value by itself and keeps the rest of its service', () => {
    const catalog = catalogOf({ '/services/web/a': '10.0.0.1:80', '/services/web/b': 'foo bar' });
    expect(ids(catalog, 'web')).toEqual(['a']);
    expect(catalog.rejected).toEqual([
      { key: '/services/web/b', value: 'foo bar', reason: expect.stringContaining('the port is missing') },
    ]);
  });

  test('drops a rejection when its key is mended or deleted', () => {
    const catalog = catalogOf({ '/services/web/a': 'nope', '/services/web/b': 'nope' });
    catalog.apply([
      { kind: 'put', entry: entry('/services/web/a', '10.0.0.1:80', 9) },
      { kind: 'delete', key: '/services/web/b' },
    ]);
    expect(catalog.rejected).toEqual([]);
    expect(ids(catalog, 'web')).toEqual(['a']);
  });

  test('rejects keys that are too deep, too shallow or badly named', () => {
    const catalog = catalogOf({
      '/services/web': '10.0.0.1:80',
      '/services/web/sub/dir': '10.0.0.1:80',
      '/services/we b/a': '10.0.0.1:80',
      '/services/web/a b': '10.0.0.1:80',
      '/routes/web/x': '{}',
    });
    expect(catalog.services).toEqual([]);
    expect(Object.keys(reasons(catalog))).toHaveLength(5);
    expect(reasons(catalog)['/services/web/sub/dir']).toContain('deeper');
    expect(reasons(catalog)['/services/web']).toContain('the instance is missing');
  });

  test('ignores and counts empty values and keys that end in a slash', () => {
    const catalog = catalogOf({
      '/services/web/': 'x',
      '/services/web/a': '',
      '/services/web/b': '10.0.0.1:80',
    });
    expect(catalog.ignored).toBe(2);
    expect(catalog.rejected).toEqual([]);
    catalog.apply([{ kind: 'delete', key: '/services/web/' }]);
    expect(catalog.ignored).toBe(1);
  });

  test('takes names of the prototype chain as plain names', () => {
    const catalog = catalogOf({
      '/services/__proto__/constructor': '10.0.0.1:80',
      '/services/constructor/__proto__': '{"host":"10.0.0.2","port":80,"__proto__":{"a":1},"constructor":2}',
    });
    expect(catalog.services.map((s) => s.name)).toEqual(['__proto__', 'constructor']);
    expect(Object.hasOwn(catalog.service('constructor')?.instances[0]?.meta ?? {}, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });

  test('lets the later prefix win where one instance stands under two', () => {
    const prefixes = { services: ['/old', '/new'], routes: ['/routes'], keys: [] };
    const catalog = catalogOf(
      { '/new/web/a': '10.0.0.9:80', '/old/web/a': '10.0.0.1:80', '/old/web/b': '10.0.0.2:80' },
      { grammar: { prefixes } },
    );
    expect(catalog.service('web')?.instances.map((i) => i.address)).toEqual(['10.0.0.9:80', '10.0.0.2:80']);
    expect(catalog.rejected).toMatchObject([{ key: '/old/web/a', other: '/new/web/a' }]);
    catalog.apply([{ kind: 'delete', key: '/new/web/a' }]);
    expect(catalog.service('web')?.instances.map((i) => i.address)).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(catalog.rejected).toEqual([]);
  });

  test('keeps unchanged services and routes the same objects', () => {
    const catalog = catalogOf({ '/services/web/a': '10.0.0.1:80', '/services/api/a': '10.0.0.2:80' });
    const [api, web, routes] = [catalog.service('api'), catalog.service('web'), catalog.routes];
    catalog.apply([{ kind: 'put', entry: entry('/services/web/b', '10.0.0.3:80', 9) }]);
    catalog.apply([{ kind: 'put', entry: entry('/services/api/a', '10.0.0.2:80', 10) }]);
    expect(catalog.service('api')).toBe(api);
    expect(catalog.service('web')).not.toBe(web);
    expect(catalog.routes).toBe(routes);
  });

  describe('claims', () => {
    test('an address belongs to its newest registration, and goes back when that is deleted', () => {
      const catalog = catalogOf({ '/services/old/a': '10.0.0.1:80', '/services/new/a': '10.0.0.1:80' });
      expect([ids(catalog, 'old'), ids(catalog, 'new')]).toEqual([[], ['a']]);
      expect(catalog.rejected).toMatchObject([{ key: '/services/old/a', other: '/services/new/a' }]);
      catalog.apply([{ kind: 'delete', key: '/services/new/a' }]);
      expect(ids(catalog, 'old')).toEqual(['a']);
      expect(catalog.rejected).toEqual([]);
    });

    test('an address may be shared where both say so, or the settings allow it', () => {
      const shared = { host: '10.0.0.1', port: 80, meta: { shared: true } };
      const both = catalogOf({ '/services/a/1': shared, '/services/b/1': shared });
      expect([ids(both, 'a'), ids(both, 'b')]).toEqual([['1'], ['1']]);
      const one = catalogOf({ '/services/a/1': shared, '/services/b/1': '10.0.0.1:80' });
      expect([ids(one, 'a'), ids(one, 'b')]).toEqual([[], ['1']]);
      const tree = { '/services/a/1': '10.0.0.1:80', '/services/b/1': '10.0.0.1:80' };
      const allowed = catalogOf(tree, { duplicateAddresses: 'allow' });
      expect([ids(allowed, 'a'), ids(allowed, 'b')]).toEqual([['1'], ['1']]);
    });

    test('one IPv6 address in two spellings is one address', () => {
      const catalog = catalogOf({
        '/services/a/1': '[2001:db8:0:0::1]:80',
        '/services/b/1': '[2001:DB8::1]:80',
      });
      expect([ids(catalog, 'a'), ids(catalog, 'b')]).toEqual([[], ['1']]);
    });

    test('a host and path belong to the older route, and the newcomer keeps what it did not lose', () => {
      const catalog = catalogOf({
        '/routes/first': { hosts: ['shop.example.com'] },
        '/routes/second': { hosts: ['shop.example.com', 'b.example.com'] },
      });
      expect(catalog.routes).toEqual([
        { service: 'second', host: 'b.example.com', path: null },
        { service: 'first', host: 'shop.example.com', path: null },
      ]);
      expect(catalog.service('second')?.hosts).toEqual(['b.example.com']);
      expect(catalog.rejected).toMatchObject([{ key: '/routes/second', other: '/routes/first' }]);
    });

    test('an explicit route beats the host that follows from a name, even a younger one', () => {
      const catalog = catalogOf({ '/services/web/a': '10.0.0.1:80', '/routes/shop': { hosts: ['web'] } });
      expect(catalog.routes).toEqual([{ service: 'shop', host: 'web', path: null }]);
      expect(catalog.service('web')?.hosts).toEqual([]);
      expect(catalog.rejected).toMatchObject([{ key: '/services/web/a', other: '/routes/shop' }]);
    });

    test('a bind port belongs to the older route; reserved ports to nobody', () => {
      const grammar = { ...OPTIONS.grammar, reservedPorts: new Map([[80, 'the shared frontend']]) };
      const tree = {
        '/routes/db': { mode: 'tcp', port: 5432 },
        '/routes/db2': { mode: 'tcp', port: 5432 },
        '/routes/db3': { mode: 'tcp', port: 80 },
      };
      const catalog = catalogOf(tree, { grammar });
      expect(catalog.services.map((s) => s.port)).toEqual([5432, null]);
      expect(reasons(catalog)['/routes/db3']).toContain('the port 80 is taken by the shared frontend; until');
      expect(catalog.rejected).toMatchObject([
        { key: '/routes/db2', other: '/routes/db' },
        { key: '/routes/db3' },
      ]);
      catalog.apply([{ kind: 'delete', key: '/routes/db' }]);
      expect(catalog.service('db2')?.port).toBe(5432);
    });
  });

  describe('routes', () => {
    test('a service without a route is reached by its name and by its name in the domain', () => {
      const tree = { '/services/Web/a': '10.0.0.1:80' };
      const hosts = (kind: 'domain' | 'any' | 'none', domain: string | null) =>
        catalogOf(tree, { defaultRoutes: { kind, domain } }).service('Web')?.hosts;
      expect(hosts('domain', null)).toEqual(['web']);
      expect(hosts('domain', 'example.com')).toEqual(['web', 'web.example.com']);
      expect(hosts('any', null)).toEqual(['web', 'web.*']);
      expect(hosts('none', 'example.com')).toEqual([]);
    });

    test('are in matching order: exact, longest suffix, any subdomain of a name, any host; long paths first', () => {
      const catalog = catalogOf(
        {
          '/services/app/a': '10.0.0.1:80',
          '/routes/any': { paths: ['/x', '/x/long/'] },
          '/routes/wide': { hosts: ['*.example.com'] },
          '/routes/near': { hosts: ['*.eu.example.com'] },
          '/routes/exact': { hosts: ['A.example.com.:8080'], paths: ['/api', '/'] },
          '/routes/apis': { hosts: ['a.example.com'], paths: ['/api'] },
        },
        { defaultRoutes: { kind: 'any', domain: null } },
      );
      expect(catalog.routes.map(({ service, host, path }) => `${service} ${host} ${path}`)).toEqual([
        'apis a.example.com /api',
        'exact a.example.com null',
        'app app null',
        'near *.eu.example.com null',
        'wide *.example.com null',
        'app app.* null',
        'any null /x/long',
        'any null /x',
      ]);
    });

    test('a route without hosts and paths keeps the hosts of the name', () => {
      const catalog = catalogOf({ '/routes/web': { balance: 'leastconn' } });
      expect(catalog.service('web')).toMatchObject({ balance: 'leastconn', hosts: ['web'] });
    });

    test('a service whose route is refused is on no frontend until it is mended', () => {
      const catalog = catalogOf({ '/services/web/a': '10.0.0.1:80', '/routes/web': '{"expose":"maybe"}' });
      expect(catalog.routes).toEqual([]);
      expect(catalog.service('web')).toMatchObject({ expose: false, hosts: [] });
      catalog.apply([{ kind: 'put', entry: entry('/routes/web', '{"expose":true}', 9) }]);
      expect(catalog.service('web')?.hosts).toEqual(['web']);
    });
  });

  test('shows the value of now of a key that loses a host, though its service asked for the same before', () => {
    const web = (value: string, revision: number) => ({
      ...entry('/services/web/a', value, revision),
      created: 1n,
    });
    const taker = entry('/routes/api', '{"hosts":["web"]}', 9);
    const put = (one: Entry): Change => ({ kind: 'put', entry: one });
    for (const steps of [
      [[web('10.0.0.1:80', 1)], [web('10.0.0.2:80', 2)], [taker]],
      [[web('10.0.0.1:80', 1)], [taker, web('10.0.0.2:80', 2)]],
    ]) {
      const catalog = new Catalog(OPTIONS);
      for (const step of steps) {
        catalog.apply(step.map(put));
      }
      expect(catalog.rejected).toMatchObject([
        { key: '/services/web/a', value: '10.0.0.2:80', other: '/routes/api' },
      ]);
    }
  });

  test('does not depend on the order of the puts, nor on how they were batched', () => {
    const address = fc.integer({ min: 1, max: 3 }).map((n) => `10.0.0.${n}:80`);
    const name = fc.constantFrom('a', 'b', 'A');
    const arbitrary = fc.oneof(
      fc.tuple(
        fc.tuple(name, name).map(([s, i]) => `/services/${s}/${i}`),
        fc.oneof(address, fc.constant('bad'), fc.constant('')),
      ),
      fc.tuple(
        name.map((s) => `/routes/${s}`),
        fc.constantFrom(
          '{"hosts":["x","a"]}',
          '{"mode":"tcp","port":81}',
          '{"paths":["/p"]}',
          '{"expose":false}',
          '{',
        ),
      ),
    );
    const steps = fc.array(fc.tuple(arbitrary, fc.boolean(), fc.nat(2)), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (list) => {
        const catalog = new Catalog(OPTIONS);
        const tree = new Map<string, Entry>();
        const batch: Change[] = [];
        list.forEach(([[key, value], remove, size], at) => {
          const before = tree.get(key);
          const next = { ...entry(key, value, at + 1), created: before?.created ?? BigInt(at + 1) };
          if (remove) {
            tree.delete(key);
          } else {
            tree.set(key, next);
          }
          batch.push(remove ? { kind: 'delete', key } : { kind: 'put', entry: next });
          if (size === 0) {
            catalog.apply(batch.splice(0));
          }
        });
        catalog.apply(batch.splice(0));
        const fresh = new Catalog(OPTIONS);
        fresh.replace([...tree.values()].reverse());
        expect(catalog.services).toEqual(fresh.services);
        expect(catalog.routes).toEqual(fresh.routes);
        expect(catalog.rejected).toEqual(fresh.rejected);
        expect(catalog.ignored).toBe(fresh.ignored);
        expect([...catalog.tree]).toEqual([...fresh.tree]);
        expect(catalog.tree.hash).toBe(fresh.tree.hash);
      }),
      { numRuns: 500 },
    );
  });
});
