import { expect, test } from 'vitest';
import type { Catalog } from '../../src/model/catalog.ts';
import { catalogOf, entry } from '../support/catalog.ts';

const WEB = Object.fromEntries([1, 2, 3, 4].map((at) => [`/services/web/${at}`, `10.0.0.${at}:80`]));
const OPTIONS = { massShare: 0.5 };

/** The addresses `10.0.0.N:80` registered by a service, later than what was there. */
function take(catalog: Catalog, service: string, ...which: readonly number[]): void {
  const of = (at: number) => entry(`/services/${service}/${at}`, `10.0.0.${at}:80`, 100 + at);
  catalog.apply(which.map((at) => ({ kind: 'put', entry: of(at) })));
}

test('more than the share of the addresses of a service that another one registers is a mass claim, until it is over', () => {
  const catalog = catalogOf(WEB, OPTIONS);
  const none = catalog.massClaims;
  take(catalog, 'shop', 1, 2);
  expect(catalog.massClaims).toBe(none);
  expect(none).toEqual([]);
  take(catalog, 'shop', 3);
  const claims = catalog.massClaims;
  expect(claims).toEqual([{ service: 'web', by: 'shop', taken: 3, of: 4 }]);
  // It goes through at once.
  expect(catalog.service('shop')?.instances).toHaveLength(3);
  expect(catalog.service('web')?.instances.map(({ id }) => id)).toEqual(['4']);
  take(catalog, 'other', 9);
  expect(catalog.massClaims).toBe(claims);
  catalog.apply([
    { kind: 'put', entry: entry('/services/web/5', '10.0.0.5:80', 200) },
    { kind: 'put', entry: entry('/services/web/6', '10.0.0.6:80', 201) },
  ]);
  expect(catalog.massClaims).toEqual([]);
});

test('addresses that several take, that a service takes from itself, or that both share are none', () => {
  const catalog = catalogOf(WEB, OPTIONS);
  take(catalog, 'a', 1, 2);
  take(catalog, 'b', 3, 4);
  take(catalog, 'web', 1, 2, 3, 4);
  expect(catalog.massClaims).toEqual([
    { service: 'a', by: 'web', taken: 2, of: 2 },
    { service: 'b', by: 'web', taken: 2, of: 2 },
  ]);
  const own = catalogOf({ ...WEB, '/services/web/again': '10.0.0.1:80' }, { massShare: 0 });
  expect(own.massClaims).toEqual([]);
  const value = { host: '10.0.0.1', port: 80, meta: { shared: true } };
  expect(catalogOf({ '/services/x/a': value, '/services/y/a': value }, OPTIONS).massClaims).toEqual([]);
  expect(catalogOf(WEB).massClaims).toEqual([]);
});

test('the last address of a service counts, too, and what is gone is over', () => {
  const catalog = catalogOf({ '/services/web/1': '10.0.0.1:80' }, OPTIONS);
  take(catalog, 'shop', 1);
  expect(catalog.massClaims).toEqual([{ service: 'web', by: 'shop', taken: 1, of: 1 }]);
  catalog.apply([{ kind: 'delete', key: '/services/web/1' }]);
  expect(catalog.massClaims).toEqual([]);
});
