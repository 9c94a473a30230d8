import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import type { Change } from '../../src/model/entry.ts';
import type { ServiceLimits } from '../../src/model/service-limits.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const limited = (serviceLimits: Partial<ServiceLimits>) =>
  new Catalog({ ...OPTIONS, serviceLimits: { services: 100, instances: 100, ...serviceLimits } });
const put = (...args: Parameters<typeof entry>): Change => ({ kind: 'put', entry: entry(...args) });
const names = ({ services }: Catalog) => services.map(({ name }) => name);
const ids = (catalog: Catalog, name: string) => catalog.service(name)?.instances.map(({ id }) => id);
const told = ({ rejected }: Catalog) => rejected.map(({ key, reason }) => `${key}: ${reason}`);

describe('limits.services', () => {
  const reason = 'limits.services (2) is reached, and older services keep their place';

  test('the older services keep their place, and each key of the others is rejected', () => {
    const catalog = limited({ services: 2 });
    catalog.apply([
      put('/services/web/a', '10.0.0.1:80', 5),
      put('/routes/web', { hosts: ['web.example'] }, 1),
      put('/services/api/a', '10.0.0.2:80', 2),
      put('/services/evil/a', '10.0.0.3:80', 3),
      put('/routes/evil', { hosts: ['evil.example'] }, 4),
    ]);
    expect(names(catalog)).toEqual(['api', 'web']);
    expect(told(catalog)).toEqual([`/routes/evil: ${reason}`, `/services/evil/a: ${reason}`]);
    expect(catalog.routes.map(({ host }) => host)).toEqual(['api', 'web.example']);
  });

  test('whoever is not let in takes no address and no host from anybody, and comes when there is room', () => {
    const catalog = limited({ services: 2 });
    catalog.apply([put('/services/web/a', '10.0.0.1:80', 1), put('/services/api/a', '10.0.0.2:80', 2)]);
    const before = catalog.services;
    catalog.apply([put('/services/evil/a', '10.0.0.1:80', 3), put('/routes/evil', { hosts: ['web'] }, 4)]);
    expect(catalog.services).toBe(before);
    catalog.apply([{ kind: 'delete', key: '/services/api/a' }]);
    expect(names(catalog)).toEqual(['evil', 'web']);
    expect([ids(catalog, 'evil'), ids(catalog, 'web')]).toEqual([['a'], []]);
  });
});

describe('limits.instances', () => {
  test('the largest services have their oldest instances alone; the others lose nothing', () => {
    const catalog = limited({ instances: 10 });
    const many = (name: string, count: number, from: number) =>
      Array.from({ length: count }, (_, at) =>
        put(`/services/${name}/i${at}`, `10.${from}.0.${at}:80`, from + at),
      );
    catalog.apply([...many('evil', 30, 1), ...many('more', 5, 50), ...many('web', 2, 90)]);
    expect([ids(catalog, 'evil'), ids(catalog, 'more'), ids(catalog, 'web')]).toEqual([
      ['i0', 'i1', 'i2', 'i3'],
      ['i0', 'i1', 'i2', 'i3'],
      ['i0', 'i1'],
    ]);
    expect(told(catalog)).toHaveLength(27);
    expect(told(catalog)[0]).toBe(
      '/services/evil/i10: limits.instances (10 of all services together) is reached, and the largest services have their oldest ones alone',
    );
    catalog.apply(
      Array.from({ length: 28 }, (_, at): Change => ({ kind: 'delete', key: `/services/evil/i${at}` })),
    );
    expect([ids(catalog, 'evil')?.length, ids(catalog, 'more')?.length]).toEqual([2, 5]);
    expect(catalog.rejected).toEqual([]);
  });
});

test('what is let in follows from the keys alone, whatever the order in which they came', () => {
  const change = fc.record({
    key: fc.constantFrom(
      '/services/a/1',
      '/services/a/2',
      '/services/b/1',
      '/services/b/2',
      '/services/c/1',
      '/routes/a',
      '/routes/c',
    ),
    address: fc.constantFrom('10.0.0.1:80', '10.0.0.2:80', null),
  });
  const batches = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 10 });
  const limits = fc.record({
    services: fc.integer({ min: 1, max: 3 }),
    instances: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(batches, limits, (all, some) => {
      const catalog = limited(some);
      let revision = 0;
      for (const batch of all) {
        catalog.apply(
          batch.map(({ key, address }): Change => {
            const value = key.startsWith('/routes') ? { hosts: [`${address ?? ''}`.slice(0, 8)] } : address;
            return value === null || address === null ? { kind: 'delete', key } : put(key, value, ++revision);
          }),
        );
        const anew = limited(some);
        anew.replace(catalog.tree);
        expect(catalog.services).toEqual(anew.services);
        expect(catalog.routes).toEqual(anew.routes);
        expect(catalog.rejected).toEqual(anew.rejected);
      }
    }),
  );
});
