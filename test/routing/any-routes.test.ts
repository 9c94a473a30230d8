import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routeOf } from '../../src/testing/render-fixture.ts';
import { startPackaged } from '../packaged-template/packaged-haproxy.ts';
import { type Backend, request, startBackend, waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';

const NAMES = ['a', 'b', 'ab', 'a.b', 'X'];
/** Each is a HAProxy of its own. */
const RUNS = process.env.TEST_ALL === undefined ? 3 : 40;

const part = fc.constantFrom('a', 'b', 'ab');
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const host = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'x'), { minLength: 1, maxLength: 3 })
  .map((labels) => labels.join('.'));
const wild = host.map((name) => `*.${name}`);
const route = fc.record(
  {
    hosts: fc.array(fc.oneof(host, wild), { maxLength: 3 }),
    paths: fc.array(path, { maxLength: 3 }),
    expose: fc.constantFrom(true, true, true, false),
  },
  { requiredKeys: [] },
);
const vars = fc.record(
  {
    domain: fc.constantFrom('x', 'a.b'),
    defaultRoutes: fc.constantFrom('domain', 'any', 'none'),
    defaultService: fc.constantFrom('a', 'X', 'nobody'),
  },
  { requiredKeys: [] },
);
const asked = fc.tuple(
  fc.tuple(host, fc.constantFrom('', '.', ':81', '.:81')).map((both) => both.join('')),
  fc.tuple(path, fc.constantFrom('', '/', '?a', 'b')).map((both) => both.join('')),
);

const backends: Backend[] = [];
beforeAll(async () => {
  for (const name of NAMES) {
    backends.push(await startBackend(name));
  }
});
afterAll(async () => {
  for (const backend of backends) {
    await backend[Symbol.asyncDispose]();
  }
});

test.each(oldestAndNewest)(
  'routeOf() names whom HAProxy $name has answer, whatever the routes are',
  async (haproxy) => {
    const services = Object.fromEntries(NAMES.map((name, at) => [name, { i: backends[at]?.address ?? '' }]));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(route), { minLength: NAMES.length, maxLength: NAMES.length }),
        vars,
        fc.array(asked, { minLength: 40, maxLength: 40 }),
        async (all, some, requests) => {
          const named = NAMES.flatMap((name, at) => (all[at] ? [[name, all[at]] as const] : []));
          const tree = { services, routes: Object.fromEntries(named) };
          await using running = await startPackaged(haproxy, tree, some);
          await waitFor(() => request(`${running.url}/haproxy-health`, { host: 'a' }).catch(() => null), {
            timeout: 30_000,
          });
          for (const [name, target] of requests) {
            const url = `http://${name.replace(/:.*/, '')}${target}`;
            const { answer } = await routeOf({ tree, vars: some }, url, { headers: [`Host: ${name}`] });
            const { status, body } = await request(`${running.url}${target}`, { host: name });
            expect([name, target, answer.kind === 'service' ? answer.service : '404']).toEqual([
              name,
              target,
              status === 200 ? body : `${status}`,
            ]);
          }
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
  600_000,
);
