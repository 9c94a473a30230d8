import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeOf } from '../../src/testing/render-fixture.ts';
import { startPackaged } from '../packaged-template/packaged-haproxy.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';

const NAMED = {
  shop: { hosts: ['shop.example.org', 'www.shop.example.org'] },
  'shop-api': { hosts: ['shop.example.org'], paths: ['/api', '/deep/down'] },
  'shop-v2': { hosts: ['shop.example.org'], paths: ['/api/v2'] },
  encoded: { hosts: ['shop.example.org'], paths: ['/a%20b'] },
  tenants: { hosts: ['*.example.net'] },
  'tenant-api': { hosts: ['*.example.net'], paths: ['/api'] },
  big: { hosts: ['*.big.example.net'] },
  only: { hosts: ['exact.example.net'], paths: ['/only'] },
  everywhere: { paths: ['/everywhere', '/every'] },
  hidden: { expose: false },
  empty: { hosts: ['empty.example.org'] },
  drained: { hosts: ['drained.example.org'] },
  backed: { hosts: ['backed.example.org'] },
} as const;

/** As `Host` and path and query are sent. */
const ASKED: readonly (readonly [host: string, target: string])[] = [
  ...['web', 'WEB', 'web:8080', 'web.', 'web..', 'web.:80', 'web.example.com', 'Web.Example.Com.:443'].map(
    (host) => [host, '/'] as const,
  ),
  ...['notweb', 'web.example.com.evil.org', 'upper', 'UPPER.example.com', 'dot.ted.example.com', 'dot'].map(
    (host) => [host, '/x'] as const,
  ),
  ...['web.example.org', 'web.any.thing', 'dot.ted.any', 'upper.any', 'hidden', 'hidden.any', 'tcp'].map(
    (host) => [host, '/'] as const,
  ),
  ...[
    '/',
    '/api',
    '/api/',
    '/api?x=/api/v2',
    '/api/x/y',
    '/apiary',
    '/API',
    '/x/api',
    '//api',
    '/api//v2',
  ].map((target) => ['shop.example.org', target] as const),
  ...['/api/v2', '/api/v2?', '/api/v2/x', '/api/v20', '/deep', '/deep/down/x', '/%61pi', '/api%2Fv2'].map(
    (target) => ['shop.example.org', target] as const,
  ),
  ...['/a%20b', '/a%20b/c', '/a+b', '/api/../x', '/every', '/haproxy-health/', '/?/api'].map(
    (target) => ['SHOP.example.org:81', target] as const,
  ),
  ...[
    'a.example.net',
    'a.b.example.net',
    'example.net',
    '.example.net',
    'notexample.net',
    'a.example.net.',
  ].map((host) => [host, '/'] as const),
  ...['a.big.example.net', 'big.example.net', 'exact.example.net'].flatMap((host) =>
    ['/', '/api/1', '/only/x'].map((target) => [host, target] as const),
  ),
  ...['x,a.example.net', 'x@a.example.net', '[::1].example.net', '[fd00::1]:8080', '10.0.0.1:80'].map(
    (host) => [host, '/'] as const,
  ),
  ...['/every', '/everywhere/x', '/everyone', '/haproxy-health', '/haproxy-health?x'].map(
    (target) => ['unknown.example.org', target] as const,
  ),
  ...['empty.example.org', 'drained.example.org', 'backed.example.org'].map((host) => [host, '/'] as const),
];

/** The target goes out as it stands here. */
function ask(port: number, host: string, target: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = { port, host: '127.0.0.1', path: target, headers: { host }, agent: false };
    request(asked, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe.each(oldestAndNewest)('routeOf() and HAProxy $name', (haproxy) => {
  /** Answers with the service, which is the port that was asked. */
  const servers: AsyncDisposable[] = [];
  const services: Record<string, Record<string, object>> = {};
  const names = [...Object.keys(NAMED), 'web', 'Upper', 'dot.ted', 'own', 'tcp'];

  beforeAll(async () => {
    for (const name of names) {
      const server = createServer((_, response) => response.end(name));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      servers.push({
        [Symbol.asyncDispose]: async () => {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        },
      });
      const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
      services[name] = { a: address };
      if (name === 'drained') {
        services[name] = { a: { ...address, drain: true } };
      } else if (name === 'backed') {
        services[name] = {
          a: { ...address, drain: true },
          b: { ...address, port: address.port, backup: true },
        };
      } else if (name === 'empty') {
        services[name] = {};
      }
    }
  });

  afterAll(async () => {
    for (const server of servers) {
      await server[Symbol.asyncDispose]();
    }
  });

  test.each([
    ['', {}],
    [', with a default service and any domain', { defaultService: 'web', defaultRoutes: 'any' }],
  ])(
    'they name the same service for each of the requests%s',
    async (_, more) => {
      const [http, tcp] = [await freePort(), await freePort()];
      const tree = {
        services,
        routes: { ...NAMED, own: { port: http, expose: false }, tcp: { mode: 'tcp', port: tcp } },
      };
      const vars = { domain: 'example.com', ...more };
      await using running = await startPackaged(haproxy, tree, vars, 'allow');
      const here = { ...vars, bind: `127.0.0.1:${running.port}` };
      /** Newer versions refuse what is no name of a host. */
      const bad = new Set<string>();
      const asked = async (port: number, host: string, target: string) => {
        const { status, body } = await ask(port, host, target);
        return status === 200 && names.includes(body) ? body : `${status}`;
      };
      const said = async (url: string, headers: string[]) => {
        const { answer, notes } = await routeOf({ tree, vars: here, duplicateAddresses: 'allow' }, url, {
          headers,
        });
        if (bad.has(headers[0] ?? '')) {
          return notes.some((note) => note.includes('with 400')) ? '400' : 'no word of 400';
        }
        switch (answer.kind) {
          case 'service':
            return answer.servers.length > 0 ? answer.service : '503';
          case 'nobody':
            return '404';
          case 'health':
            return '200';
          default:
            return answer.kind;
        }
      };
      await waitFor(async () => (await asked(running.port, 'web', '/')) === 'web', { timeout: 30_000 });
      const found: string[] = [];
      const real: string[] = [];
      for (const [host, target] of ASKED) {
        const got = await asked(running.port, host, target);
        if (got === '400') {
          bad.add(`Host: ${host}`);
        }
        real.push(`${host} ${target}: ${got}`);
        found.push(`${host} ${target}: ${await said(target, [`Host: ${host}`])}`);
      }
      for (const port of [http, tcp]) {
        found.push(`${port}: ${await said(`http://nobody:${port}/`, [])}`);
        real.push(`${port}: ${await asked(port, 'nobody', '/')}`);
      }
      expect(found).toEqual(real);
      expect(ASKED.length).toBeGreaterThan(60);
      expect(new Set(real.map((line) => line.slice(line.lastIndexOf(' ')))).size).toBeGreaterThan(14);
    },
    60_000,
  );
});
