import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BALANCE, TIMEOUTS } from '../../src/model/service.ts';
import { renderTree } from '../golden/render-case.ts';
import { tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

const run = promisify(execFile);

const SERVICE = [...'abzAZ019_.-'];
const name = (characters: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength: 1, maxLength }).map((all) => all.join(''));
const serviceName = fc.oneof(
  name(SERVICE, 64),
  fc.constantFrom(
    'constructor',
    '__proto__',
    'http',
    'stats',
    'not_found',
    '-m',
    '..',
    'TRUE',
    'x'.repeat(64),
  ),
);
const instanceId = fc.oneof(name([...SERVICE, ':'], 128), fc.constantFrom('__proto__', 'check', '#1', ':'));
/** Mostly what fits, now and then what does not. */
const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: good }, { weight: 1, arbitrary: bad });
const number = (min: number, max: number) =>
  mostly(fc.integer({ min, max }), fc.constantFrom(min - 1, max + 1));
const host = mostly(
  fc.oneof(fc.constantFrom('10.0.0.1', '::ffff:1.2.3.4'), fc.ipV4(), fc.ipV6(), fc.domain()),
  fc.constantFrom('x y', '', '0.0.0.0'),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const instance = fc.record({
  host,
  port: number(1, 65_535),
  weight: maybe(number(0, 256)),
  maxconn: maybe(number(1, 2 ** 31 - 1)),
  backup: maybe(fc.boolean()),
  drain: maybe(fc.boolean()),
});
const routeHost = mostly(
  fc.oneof(fc.constantFrom('web', '*.example.com', 'shop.example.com', 'SHOP.Example.com.'), fc.domain()),
  fc.oneof(fc.constantFrom('{ x }', '*'), serviceName),
);
const routePath = mostly(
  fc.constantFrom('/', '/api', '/api/', '/a=b&c!*:@%20', '/-m', '/api/v1/x.y~z'),
  fc.oneof(fc.constantFrom('/{x}', 'x', '/#', '//'), fc.webPath()),
);
const duration = mostly(
  fc.constantFrom('1', '500ms', '24d', '5m', '1000us'),
  fc.constantFrom('0', '1w', '25d', '1us', '999999999h'),
);
const route = fc.record({
  mode: maybe(fc.constantFrom('http', 'tcp')),
  hosts: maybe(fc.array(routeHost, { maxLength: 70 })),
  paths: maybe(fc.array(routePath, { maxLength: 4 })),
  port: fc.option(number(1, 65_535), { nil: undefined, freq: 2 }),
  expose: maybe(fc.boolean()),
  balance: maybe(fc.constantFrom(...BALANCE)),
  check: maybe(
    fc.record({
      path: maybe(routePath),
      interval: maybe(duration),
      rise: maybe(number(1, 255)),
      fall: maybe(number(1, 255)),
      status: maybe(mostly(fc.constantFrom('200', '200-399', '200,204'), fc.constantFrom('2xx', '399-200'))),
    }),
  ),
  timeouts: maybe(fc.dictionary(fc.constantFrom(...TIMEOUTS), duration)),
});
const tree = fc.record({
  services: fc.dictionary(serviceName, fc.dictionary(instanceId, instance, { maxKeys: 4 }), { maxKeys: 12 }),
  routes: fc.dictionary(serviceName, route, { maxKeys: 12 }),
});
const settings = fc.record({
  defaultRoutes: fc.constantFrom('domain', 'any', 'none'),
  domain: maybe(fc.constantFrom('example.com', 'com')),
  balance: maybe(fc.constantFrom(...BALANCE)),
  nameservers: fc.constant(['127.0.0.1:53']),
});

test('any tree renders to what HAProxy accepts without a warning; what does not fit is rejected by its key', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'haproxy.cfg');
  await fc.assert(
    fc.asyncProperty(tree, settings, async (keys, vars) => {
      const { text, rejected } = await renderTree(JSON.stringify(keys), JSON.stringify({ vars }));
      expect(rejected.every(({ key, reason }) => key !== '' && reason !== '')).toBe(true);
      await writeFile(file, text);
      for (const haproxy of haproxyVersions) await run(haproxy.path, ['-c', '-dW', '-f', file]);
    }),
    { numRuns: 40 },
  );
});
