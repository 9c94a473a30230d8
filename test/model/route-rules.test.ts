import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RouteRule, routeRules } from '../../src/model/route-rules.ts';
import type { Route } from '../../src/model/service.ts';
import { catalogOf } from '../support/catalog.ts';

const covers = (prefix: string, path: string) => `${path}/`.startsWith(`${prefix}/`);
const isAt = (pattern: string, host: string) =>
  pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : pattern === host;

/** Who answers by the first route that matches. */
function byRoutes(routes: readonly Route[], host: string, path: string): string | undefined {
  return routes.find(
    (route) =>
      (route.host === null || isAt(route.host, host)) && (route.path === null || covers(route.path, path)),
  )?.service;
}

/** The same by rules, where exact hosts without paths come first by themselves. */
function byRules(rules: readonly RouteRule[], host: string, path: string): string | undefined {
  return rules.find(
    ({ hosts, paths }) =>
      (hosts.length === 0 || hosts.some((one) => isAt(one, host))) &&
      (paths.length === 0 || paths.some((one) => covers(one, path))),
  )?.service;
}

const part = fc.constantFrom('a', 'b', 'ab');
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const label = fc.constantFrom('a', 'b', 'ab', 'x');
const host = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
const route = fc.record(
  {
    hosts: fc.array(
      fc.oneof(
        host,
        host.map((name) => `*.${name}`),
      ),
      { maxLength: 4 },
    ),
    paths: fc.array(path, { maxLength: 5 }),
  },
  { requiredKeys: [] },
);

test('routeRules() gives rules of which the first match is that of the routes, whatever they are', () => {
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 5 }),
      fc.array(fc.tuple(host, path), { minLength: 10, maxLength: 40 }),
      (routes, requests) => {
        const tree = Object.fromEntries(routes.map((value, at) => [`/routes/s${at}`, value]));
        const { routes: all } = catalogOf(tree);
        const rules = routeRules(all);
        const withPaths = new Set(all.flatMap((one) => (one.path === null ? [] : [one.host])));
        for (const [name, asked] of requests) {
          if (withPaths.has(name) || !all.some((one) => one.host === name)) {
            expect(byRules(rules, name, asked)).toBe(byRoutes(all, name, asked));
          }
        }
        expect(rules.length).toBeLessThanOrEqual(all.length);
      },
    ),
    { numRuns: 1000 },
  );
});

const list = (count: number, of: (at: number) => string) => Array.from({ length: count }, (_, at) => of(at));

test('routeRules() gives few rules for hosts times paths, also where services have them in common', () => {
  const tree = {
    '/routes/one': { hosts: list(40, (at) => `h${at}.example.com`), paths: list(25, (at) => `/p${at}`) },
    '/routes/two': { hosts: list(40, (at) => `h${at}.example.com`), paths: list(20, (at) => `/q${at}/x`) },
    '/routes/wild': { hosts: list(30, (at) => `*.w${10 + at}.example.com`), paths: ['/', '/x'] },
    '/routes/any': { paths: list(25, (at) => `/any${at}`) },
  };
  const { routes } = catalogOf(tree);
  expect(routes).toHaveLength(1855);
  const rules = Object.groupBy(routeRules(routes), ({ service }) => service);
  expect([rules.one?.length, rules.two?.length, rules.wild?.length, rules.any?.length]).toEqual([4, 2, 2, 2]);
  for (const { hosts, paths } of Object.values(rules).flatMap((some) => some ?? [])) {
    expect(Math.max(hosts.length, paths.length)).toBeLessThanOrEqual(20);
  }
});

test('routeRules() gives few rules, too, where each host is that of other services than the others', () => {
  // 1,024 hosts, each of those services whose bit its number has.
  const hosts = list(1024, (at) => `h${at}.example.com`);
  const routes = Object.fromEntries(
    list(10, (bit) => `/routes/s${bit}`).map((key, bit) => [
      key,
      { hosts: hosts.filter((_, at) => (at >> bit) & 1), paths: [`/x${bit}`] },
    ]),
  );
  const all = catalogOf(routes).routes;
  expect(all).toHaveLength(5120);
  expect(routeRules(all)).toHaveLength(10 * Math.ceil(512 / 20));
});

test('routeRules() says what is below a path of another service first, and leaves plain hosts to others', () => {
  const tree = {
    '/routes/shop': { hosts: ['shop.example.com', 'plain.example.com'] },
    '/routes/api': { hosts: ['shop.example.com'], paths: ['/api', '/deep/down'] },
    '/routes/v2': { hosts: ['shop.example.com'], paths: ['/api/v2'] },
  };
  expect(routeRules(catalogOf(tree).routes)).toEqual([
    { service: 'api', hosts: ['shop.example.com'], paths: ['/deep/down'] },
    { service: 'v2', hosts: ['shop.example.com'], paths: ['/api/v2'] },
    { service: 'api', hosts: ['shop.example.com'], paths: ['/api'] },
    { service: 'shop', hosts: ['shop.example.com'], paths: [] },
  ]);
});
