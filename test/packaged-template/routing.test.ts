import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, request, startBackend } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { openWire, type Packaged, startPackaged } from './packaged-haproxy.ts';

const ROUTES = {
  shop: { hosts: ['shop.example.org', 'www.shop.example.org'] },
  'shop-api': { hosts: ['shop.example.org'], paths: ['/api', '/deep/down'] },
  'shop-v2': { hosts: ['shop.example.org'], paths: ['/api/v2'] },
  tenants: { hosts: ['*.example.net'] },
  'tenant-api': { hosts: ['*.example.net'], paths: ['/api'] },
  big: { hosts: ['*.big.example.net'] },
  only: { hosts: ['exact.example.net'], paths: ['/only'] },
  everywhere: { paths: ['/everywhere', '/every'] },
  hidden: { expose: false },
};
const NAMES = [...Object.keys(ROUTES), 'web', 'Upper', 'dot.ted', '-dash_'];

/** Host, path, and the service that answers (or 404). */
const REQUESTS: readonly (readonly [host: string, path: string, service: string])[] = [
  ['web', '/', 'web'],
  ['WEB', '/', 'web'],
  ['web:8080', '/', 'web'],
  ['web.', '/', 'web'],
  ['web.example.com', '/', 'web'],
  ['Web.Example.Com.:443', '/any?x=/api', 'web'],
  ['web.example.org', '/', '404'],
  ['notweb', '/', '404'],
  ['web.example.com.evil.org', '/', '404'],
  ['upper', '/', 'Upper'],
  ['upper.example.com', '/', 'Upper'],
  ['dot.ted.example.com', '/', 'dot.ted'],
  ['dot', '/', '404'],
  ['-dash_', '/', '-dash_'],
  ['hidden', '/', '404'],
  ['hidden.example.com', '/', '404'],
  ['shop', '/', '404'],
  ['shop.example.org', '/', 'shop'],
  ['www.shop.example.org', '/api', 'shop'],
  ['a.shop.example.org', '/', '404'],
  ['shop.example.org', '/api', 'shop-api'],
  ['shop.example.org', '/api/', 'shop-api'],
  ['shop.example.org', '/api?x=1', 'shop-api'],
  ['shop.example.org', '/api/x/y', 'shop-api'],
  ['shop.example.org', '/apiary', 'shop'],
  ['shop.example.org', '/API', 'shop'],
  ['shop.example.org', '/x/api/', 'shop'],
  ['shop.example.org', '/api/v2', 'shop-v2'],
  ['shop.example.org', '/api/v2/x', 'shop-v2'],
  ['shop.example.org', '/api/v20', 'shop-api'],
  ['shop.example.org', '/deep', 'shop'],
  ['shop.example.org', '/deep/down/x', 'shop-api'],
  ['shop.example.org', '/everywhere', 'shop'],
  ['a.example.net', '/', 'tenants'],
  ['a.b.example.net', '/', 'tenants'],
  ['example.net', '/', '404'],
  ['notexample.net', '/', '404'],
  ['a.example.net', '/api/1', 'tenant-api'],
  ['a.big.example.net', '/', 'big'],
  ['a.big.example.net', '/api', 'big'],
  ['big.example.net', '/api', 'tenant-api'],
  ['exact.example.net', '/only/x', 'only'],
  ['exact.example.net', '/', 'tenants'],
  ['exact.example.net', '/api', 'tenant-api'],
  ['unknown.example.org', '/everywhere/x', 'everywhere'],
  ['unknown.example.org', '/every', 'everywhere'],
  ['unknown.example.org', '/everyone', '404'],
  ['10.0.0.1:8080', '/every', 'everywhere'],
  ['[fd00::1]:8080', '/', '404'],
];

/** Texts that end as a wildcard does, or begin as one, and are the name of no host below it. */
const NO_NAMES: readonly ((host: string) => string)[] = [
  (host) => `x.example.com,${host}`,
  (host) => `${host},x.example.com`,
  (host) => `${host}:80,x`,
  (host) => `x@${host}`,
  (host) => `x:y@${host}`,
  (host) => `[::1].${host}`,
  (host) => `[${host}]`,
  (host) => `.${host}`,
  (host) => `..${host}`,
  (host) => `x/${host}`,
  (host) => `x%2f${host}`,
  (host) => `x?${host}`,
  (host) => `x;${host}`,
  (host) => `x*${host}`,
  (host) => `x\\${host}`,
  (host) => `x ${host}`,
  (host) => `x\t${host}`,
  (host) => `é.${host}`,
];

describe.each(haproxyVersions)('the routes of the packaged template on HAProxy $name', (haproxy) => {
  const backends: Backend[] = [];
  const services: Record<string, object> = {};
  let shared: Packaged;

  beforeAll(async () => {
    for (const name of NAMES) {
      const backend = await startBackend(name);
      backends.push(backend);
      services[name] = { a: backend.address };
    }
    shared = await startPackaged(haproxy, { services, routes: ROUTES }, { domain: 'example.com' });
  });

  afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
    for (const backend of backends) {
      await backend[Symbol.asyncDispose]();
    }
  });

  test.each(REQUESTS)('%s%s is answered by %s', async (host, path, service) => {
    const { status, body } = await request(shared.url + path, { host });
    expect(status === 200 ? body : String(status)).toBe(service);
  });

  test('a request without a Host header, and one that names its host in the URL, follow the same rules', async () => {
    for (const [text, answer] of [
      ['GET /every HTTP/1.0\r\n\r\n', 'everywhere'],
      ['GET / HTTP/1.0\r\n\r\n', ' 404 Not Found'],
      ['GET http://web.example.com/ HTTP/1.1\r\nHost: web.example.com\r\nConnection: close\r\n\r\n', 'web'],
    ] as const) {
      await using wire = await openWire(shared.port);
      wire.send(text);
      await wire.closed;
      expect(wire.received()).toContain(answer);
    }
  });

  test('what is the name of no host matches no wildcard, and no exact host', async () => {
    const vars = { defaultRoutes: 'any', domain: 'example.com' };
    await using any = await startPackaged(haproxy, { services, routes: ROUTES }, vars);
    const asked = async (host: string) => {
      await using wire = await openWire(any.port);
      wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      await wire.closed;
      return /^HTTP\/1\.\d (\d+)/.exec(wire.received())?.[1];
    };
    for (const host of [
      'a.example.net',
      'web.somewhere.org',
      'dot.ted.somewhere.org',
      'a.b.big.example.net',
    ]) {
      expect([host, await asked(host)]).toEqual([host, '200']);
      expect([host, await asked(`${host}:80`)]).toEqual([host, '200']);
      for (const wrong of NO_NAMES) {
        expect([wrong(host), await asked(wrong(host))]).toEqual([
          wrong(host),
          expect.stringMatching(/^40[04]$/),
        ]);
      }
    }
    for (const host of ['x.example.com,shop.example.org', 'x@shop.example.org', '.shop.example.org']) {
      expect([host, await asked(host)]).toEqual([host, expect.stringMatching(/^40[04]$/)]);
    }
  }, 60_000);

  test('with defaultRoutes any, a name is reached in every domain, but only after the longer suffixes', async () => {
    const vars = { defaultRoutes: 'any', domain: 'example.com' };
    await using any = await startPackaged(haproxy, { services, routes: ROUTES }, vars);
    const asked = async (host: string, path = '/') => {
      const { status, body } = await request(any.url + path, { host });
      return status === 200 ? body : status;
    };
    expect(await asked('web.somewhere.org')).toBe('web');
    expect(await asked('web.a.b')).toBe('web');
    expect(await asked('web.example.net')).toBe('tenants');
    expect(await asked('upper.somewhere.org')).toBe('Upper');
    expect(await asked('dot.ted.somewhere.org')).toBe('dot.ted');
    expect(await asked('dot.somewhere.org')).toBe(404);
    expect(await asked('hidden.somewhere.org')).toBe(404);
    expect(await asked('shop.somewhere.org')).toBe(404);
  });

  test('what no route matches goes to the default service, and is a 404 while there is none of that name', async () => {
    const vars = { defaultRoutes: 'none', defaultService: 'hidden' };
    await using given = await startPackaged(haproxy, { services, routes: ROUTES }, vars);
    expect((await request(given.url, { host: 'nobody.org' })).body).toBe('hidden');
    expect((await request(given.url, { host: 'web' })).body).toBe('hidden');
    expect((await request(`${given.url}/every`, { host: 'web' })).body).toBe('everywhere');
    await using gone = await startPackaged(haproxy, { services }, { ...vars, defaultService: 'gone' });
    expect((await request(gone.url, { host: 'nobody.org' })).status).toBe(404);
  });

  test('many hosts with many paths, and many wildcards, are all found, and nothing beside them', async () => {
    const list = (count: number, of: (at: number) => string) =>
      Array.from({ length: count }, (_, at) => of(at));
    const hosts = list(45, (at) => `h${at}.example.org`);
    const wide = list(25, (at) => `w${10 + at}.example.org`);
    const tree = {
      services,
      routes: {
        ...ROUTES,
        'shop-api': { hosts, paths: list(25, (at) => `/p${at}`) },
        'shop-v2': { hosts, paths: list(25, (at) => `/p${at}/x`) },
        big: { hosts: wide.map((host) => `*.${host}`), paths: list(25, (at) => `/q${at}`) },
        everywhere: { paths: list(25, (at) => `/r${at}`) },
      },
    };
    await using many = await startPackaged(haproxy, tree);
    const asked = async (host: string, path: string) => {
      const { status, body } = await request(many.url + path, { host });
      return status === 200 ? body : status;
    };
    for (const host of [hosts[0], hosts[19], hosts[20], hosts[44]].flatMap((one) => one ?? [])) {
      expect(await asked(host, '/p0')).toBe('shop-api');
      expect(await asked(host, '/p24/y')).toBe('shop-api');
      expect(await asked(host, '/p0/x')).toBe('shop-v2');
      expect(await asked(host, '/p24/x/y')).toBe('shop-v2');
      expect(await asked(host, '/p25')).toBe(404);
      expect(await asked(host, '/r24')).toBe('everywhere');
    }
    for (const host of [wide[0], wide[19], wide[20], wide[24]].flatMap((one) => one ?? [])) {
      expect(await asked(`a.${host}`, '/q24/x')).toBe('big');
      expect(await asked(`a.${host}`, '/q25')).toBe(404);
      expect(await asked(host, '/q0')).toBe(404);
    }
  });

  test('sixty hosts of one service, and of sixty services, are all found', async () => {
    const [backend] = backends;
    const many = Array.from({ length: 130 }, (_, at) => `h${at}.example.org`);
    const named = Object.fromEntries(many.map((_, at) => [`s${at}`, { a: `${backend?.address}` }]));
    const tree = {
      services: { ...named, many: { a: `${backend?.address}` } },
      routes: { many: { hosts: many } },
    };
    // Every instance has the same address here.
    await using found = await startPackaged(haproxy, tree, {}, 'allow');
    for (const host of [...many, ...Object.keys(named)]) {
      expect((await request(found.url, { host })).status).toBe(200);
    }
  });
});
