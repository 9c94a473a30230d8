import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Host } from '../../src/units/host.ts';
import { place, type ToPlace } from '../../src/units/placement.ts';

const host = (name: string, zone: string | null = null): Host => ({ name, zone, roles: [], address: null });

function counts(service: ToPlace, hosts: readonly Host[]): ReadonlyMap<string, number> {
  const placement = place(service, hosts);
  if (placement.kind === 'impossible') {
    throw new Error(placement.why);
  }
  return placement.counts;
}

/** How many of them are in each zone. */
function perZone(placed: ReadonlyMap<string, number>, hosts: readonly Host[]): number[] {
  const zones = Map.groupBy(hosts, ({ zone }) => zone);
  return [...zones.values()].map((inside) =>
    inside.reduce((sum, { name }) => sum + (placed.get(name) ?? 0), 0),
  );
}

const spread = fc.constantFrom('zone' as const, null);
const names = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 14 });
const hosts = fc
  .tuple(names, fc.integer({ min: 1, max: 4 }))
  .map(([numbers, zones]) => numbers.map((number) => host(`node${number}`, `z${number % zones}`)));
const count = fc.integer({ min: 0, max: 30 });

test('all instances are placed, evenly over zones, and evenly over the hosts of each', () => {
  fc.assert(
    fc.property(hosts, count, spread, (all, instances, how) => {
      const placed = counts({ name: 'web', instances, spread: how }, all);
      expect([...placed.values()].reduce((sum, one) => sum + one, 0)).toBe(instances);
      const zones = perZone(placed, all);
      expect(Math.max(...zones) - Math.min(...zones)).toBeLessThanOrEqual(1);
      for (const inside of Map.groupBy(all, ({ zone }) => zone).values()) {
        const here = inside.map(({ name }) => placed.get(name) ?? 0);
        expect(Math.max(...here) - Math.min(...here)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('with spread: host no two are on one host, and zones are as even as their hosts allow', () => {
  fc.assert(
    fc.property(hosts, fc.nat(), (all, some) => {
      const instances = some % (all.length + 1);
      const placed = counts({ name: 'web', instances, spread: 'host' }, all);
      expect(placed.size).toBe(instances);
      expect([...placed.values()].every((one) => one === 1)).toBe(true);
      const full = [...Map.groupBy(all, ({ zone }) => zone).values()].map((inside) => inside.length);
      const zones = perZone(placed, all);
      const most = Math.max(...zones);
      expect(zones.every((one, at) => one >= most - 1 || one === full[at])).toBe(true);
    }),
  );
});

test('where a host goes, only what ran there runs elsewhere; where one comes, nothing moves but to it', () => {
  fc.assert(
    fc.property(
      hosts,
      count,
      fc.nat(),
      fc.constantFrom('zone' as const, 'host' as const, null),
      (all, wanted, which, how) => {
        const gone = all[which % all.length]?.name ?? '';
        const left = all.filter(({ name }) => name !== gone);
        const instances = how === 'host' ? Math.min(wanted, left.length) : wanted;
        const before = counts({ name: 'web', instances, spread: how }, all);
        const after = counts({ name: 'web', instances, spread: how }, left);
        for (const { name } of left) {
          // A zone that is gone leaves its share to the others.
          expect(after.get(name) ?? 0).toBeGreaterThanOrEqual(before.get(name) ?? 0);
        }
      },
    ),
  );
});

test('the order of the hosts does not matter, and services with few instances choose different hosts', () => {
  const all = Array.from({ length: 20 }, (_, at) => host(`node${at}`));
  const one = counts({ name: 'web', instances: 7, spread: 'host' }, all);
  expect(counts({ name: 'web', instances: 7, spread: 'host' }, all.toReversed())).toEqual(one);
  const chosen = Array.from({ length: 100 }, (_, at) =>
    String([...counts({ name: `service${at}`, instances: 1, spread: null }, all).keys()]),
  );
  expect(new Set(chosen).size).toBeGreaterThan(15);
});

test('instances: each is one on every host', () => {
  const all = [host('a'), host('b', 'z')];
  expect(counts({ name: 'web', instances: 'each', spread: null }, all)).toEqual(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  );
});
