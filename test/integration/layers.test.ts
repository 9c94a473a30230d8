import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { request, startBackend, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';

const AUTH = {
  rootPassword: 'root',
  username: 'reader',
  password: 'word',
  prefixes: ['/services', '/routes'],
};
/** etcd's least, so that logins take no time here. */
const CHEAP = ['--bcrypt-cost=4'];
const PREFIXES = { services: '/services', routes: '/routes', keys: ['/haproxy'] };
const DENIED = 'permission denied for /haproxy to the user "reader" (role "tester")';

interface SourceShown {
  readonly state: string;
  readonly error: string | null;
  readonly refused: readonly string[];
}

interface Shown {
  readonly cache: unknown;
  readonly sources: readonly SourceShown[];
  readonly held: readonly unknown[];
}

async function shown(daemon: Daemon): Promise<Shown> {
  return (await daemon.status()) as unknown as Shown;
}

async function readyz({ statusPort }: Site): Promise<{ status: number; body: string }> {
  return request(`http://127.0.0.1:${statusPort}/readyz`);
}

async function answers(site: Site, host: string): Promise<string> {
  const got = await request(site.url, { headers: { host } }).catch(() => null);
  return got === null ? 'nobody' : got.status === 200 ? got.body.trim() : String(got.status);
}

function rights(etcd: TestEtcd) {
  const range = etcd.client.range({ prefix: '/haproxy' });
  const grant = { permission: 'Readwrite', range } as const;
  return {
    give: () => etcd.client.role('tester').grant(grant),
    take: () => etcd.client.role('tester').revoke(grant),
  };
}

/** A template of one's own that shows a free key of `/haproxy` in a header. */
const SHOWS_KEY = `global
  stats socket {{ haproxy.statsSocket }} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend f
  bind {{ vars.bind }}
  http-response set-header x-key {{ getv("/haproxy/word", "none") }}
{% for s in services %}
  use_backend be_{{ s.name }} if { hdr(host) -m str {{ s.name }} }
{% endfor %}
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}
{% endfor %}
`;

async function siteOf(sources: readonly object[], wait = '1s'): Promise<Site> {
  const site = await makeSite({
    sources,
    more: { prefixes: PREFIXES, template: './own.njk', cache: { wait } },
  });
  await writeFile(path.join(site.folder, 'own.njk'), SHOWS_KEY);
  await writeFile(path.join(site.folder, 'password'), AUTH.password);
  return site;
}

const login = (etcd: TestEtcd) => ({
  etcd: { endpoints: [etcd.endpoint], username: AUTH.username, passwordFile: './password' },
});

async function header(site: Site, host: string): Promise<unknown> {
  return (await request(site.url, { headers: { host } }).catch(() => null))?.headers['x-key'];
}

async function stopped(daemon: Daemon): Promise<void> {
  daemon.child.kill('SIGTERM');
  await daemon.ended;
}

/** A source of which all may be read so far, and that was: `web` and the free key `word`. */
async function readableSource() {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd({ auth: AUTH, args: CHEAP }));
  const one = stack.use(await startBackend('one'));
  const two = stack.use(await startBackend('two'));
  const site = stack.use(await siteOf([login(etcd)]));
  const { give, take } = rights(etcd);
  await give();
  await etcd.put('/haproxy/word', 'first');
  await etcd.put('/services/web/a', one.address);
  const daemon = stack.use(await site.start());
  await waitFor(async () => (await header(site, 'web')) === 'first', { timeout: 20_000 });
  const held = stack.move();
  return { etcd, one, two, site, give, take, daemon, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Two sources that were read before and are in the cache: `web` of the near one, `shop` and a free key of the far one. */
async function readSources() {
  await using stack = new AsyncDisposableStack();
  const [near, far] = [stack.use(await startEtcd()), stack.use(await startEtcd())];
  const one = stack.use(await startBackend('one'));
  const two = stack.use(await startBackend('two'));
  const sources = [near, far].map(({ endpoint }) => ({ etcd: { endpoints: [endpoint] } }));
  const site = stack.use(await siteOf(sources));
  await near.put('/services/web/a', one.address);
  await far.put('/services/shop/b', two.address);
  await far.put('/haproxy/word', 'kept');
  {
    await using daemon = await site.start();
    await waitFor(async () => (await answers(site, 'shop')) === 'two', { timeout: 20_000 });
    await stopped(daemon);
  }
  const held = stack.move();
  return { near, far, one, two, site, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

test('a prefix that may not be read any more is served from the cache after a restart, and the others go on', async () => {
  await using source = await readableSource();
  const { etcd, two, site, give, take } = source;
  await stopped(source.daemon);
  await take();
  await using daemon = await site.start();
  await waitFor(async () => (await header(site, 'web')) === 'first', { timeout: 20_000 });
  await etcd.put('/services/shop/b', two.address);
  await waitFor(async () => (await answers(site, 'shop')) === 'two', { timeout: 20_000 });
  expect(await header(site, 'shop')).toBe('first');

  await daemon.ready();
  const { sources, held, cache } = await shown(daemon);
  expect({ held, cache }).toEqual({ held: [], cache: null });
  expect(sources[0]).toMatchObject({
    state: 'stale',
    refused: ['/haproxy'],
    error: expect.stringContaining(DENIED),
  });
  const { status, body } = await readyz(site);
  expect(status).toBe(200);
  expect(body).toContain(DENIED);
  const told = daemon.log().filter(({ msg }) => String(msg).includes(DENIED));
  expect(told).toHaveLength(1);
  const metrics = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
  expect(metrics.body).toMatch(/^pointsman_source_refused_prefixes\{.*\} 1$/m);

  await etcd.put('/haproxy/word', 'second');
  await give();
  await waitFor(async () => (await header(site, 'web')) === 'second', { timeout: 20_000 });
  await waitFor(async () => (await shown(daemon)).sources[0]?.state === 'live', { timeout: 20_000 });
  expect((await shown(daemon)).sources[0]).toMatchObject({ refused: [], error: null });
  expect((await readyz(site)).body.trim()).toBe('ready');
});

test('a prefix that is taken away while running keeps its keys, and changes of the others go out', async () => {
  await using source = await readableSource();
  const { etcd, two, site, daemon, take } = source;
  await take();
  await etcd.kill('SIGTERM');
  await etcd.restart();
  await waitFor(async () => (await shown(daemon)).sources[0]?.refused[0] === '/haproxy', { timeout: 20_000 });
  await etcd.put('/services/shop/b', two.address);
  await waitFor(async () => (await answers(site, 'shop')) === 'two', { timeout: 20_000 });
  expect(await header(site, 'web')).toBe('first');
  expect((await shown(daemon)).held).toEqual([]);
});

test('without a cache a prefix that may not be read is missing: not ready, and optional: true does without', async () => {
  await using etcd = await startEtcd({ auth: AUTH, args: CHEAP });
  await using one = await startBackend('one');
  await using site = await siteOf([login(etcd)]);
  await etcd.put('/services/web/a', one.address);
  {
    await using daemon = await site.start();
    await waitFor(async () => (await readyz(site)).body.includes(DENIED), { timeout: 20_000 });
    expect((await readyz(site)).status).toBe(503);
    expect(await answers(site, 'web')).toBe('nobody');
    await stopped(daemon);
  }
  const lines = async (verdict: string) => {
    const { stdout } = await site.run('check');
    return stdout.split('\n').filter((one) => one.startsWith(`${verdict.padEnd(5)}  source`));
  };
  expect(await lines('wrong')).toEqual([expect.stringContaining(DENIED)]);
  const settings = JSON.parse(await readFile(site.settingsFile, 'utf8'));
  settings.sources[0].optional = true;
  await writeFile(site.settingsFile, JSON.stringify(settings));
  expect(await lines('wrong')).toEqual([]);
  expect(await lines('note')).toContainEqual(expect.stringContaining(DENIED));
  {
    await using daemon = await site.start();
    await waitFor(async () => (await answers(site, 'web')) === 'one', { timeout: 20_000 });
    expect(await header(site, 'web')).toBe('none');
    expect((await shown(daemon)).sources[0]).toMatchObject({ refused: ['/haproxy'] });
    await stopped(daemon);
  }
  // What was never read is no layer: without the word the next start has nothing to serve in its place.
  delete settings.sources[0].optional;
  await writeFile(site.settingsFile, JSON.stringify(settings));
  await using daemon = await site.start();
  await waitFor(async () => (await readyz(site)).body.includes(DENIED), { timeout: 20_000 });
  await stopped(daemon);
}, 90_000);

test('a source that is silent at a start contributes its layer of the cache, and the changes of the other go out', async () => {
  await using both = await readSources();
  const { near, far, site } = both;
  await using three = await startBackend('three');
  await far.kill();
  const serves = async (flags: readonly string[] = []) => {
    await using daemon = await site.start({ flags });
    await waitFor(async () => (await answers(site, 'shop')) === 'two', { timeout: 20_000 });
    await waitFor(async () => (await shown(daemon)).sources[1]?.state === 'stale', { timeout: 20_000 });
    await near.put('/services/web/c', three.address);
    await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes(three.address), {
      timeout: 20_000,
    });
    expect(await answers(site, 'shop')).toBe('two');
    await daemon.ready();
    const { cache, sources } = await shown(daemon);
    expect(sources[0]?.state).toBe('live');
    expect(cache).not.toBeNull();
    expect((await readyz(site)).body).toContain(far.endpoint);
    return daemon;
  };
  await stopped(await serves());
  await near.delete('/services/web/c');

  // It is back with another tree: from then on that counts.
  await using daemon = await site.start();
  await waitFor(async () => (await answers(site, 'shop')) === 'two', { timeout: 20_000 });
  await waitFor(async () => (await shown(daemon)).cache !== null, { timeout: 20_000 });
  await far.restart();
  await far.put('/services/pay/d', three.address);
  await waitFor(async () => (await answers(site, 'pay')) === 'three', { timeout: 20_000 });
  await waitFor(async () => (await shown(daemon)).cache === null, { timeout: 20_000 });
  expect((await readyz(site)).body.trim()).toBe('ready');
});

test('where one source of the settings becomes another, the layer of the other one is used, though it is silent', async () => {
  await using both = await readSources();
  const { far, one, site } = both;
  await far.kill();
  const settings = JSON.parse(await readFile(site.settingsFile, 'utf8'));
  settings.sources = [settings.sources[1], { file: { path: './pay.json' } }];
  await writeFile(site.settingsFile, JSON.stringify(settings));
  const pay = JSON.stringify({ services: { pay: { a: one.address } } });
  await writeFile(path.join(site.folder, 'pay.json'), pay);
  await using daemon = await site.start();
  await waitFor(async () => (await answers(site, 'pay')) === 'one', { timeout: 20_000 });
  expect([await answers(site, 'shop'), await header(site, 'shop')]).toEqual(['two', 'kept']);
  // Of the one that is gone nothing is known any more.
  expect(await answers(site, 'web')).toBe('503');
  const states = async () => (await shown(daemon)).sources.map(({ state }) => state).join();
  await waitFor(async () => (await states()) === 'stale,live', { timeout: 20_000 });
  expect((await shown(daemon)).held).toEqual([]);
});

test('a source that is empty at a start takes nothing away, and the changes of the other go out', async () => {
  await using both = await readSources();
  const { near, far, one, site } = both;
  await far.deletePrefix('/');
  await using _daemon = await site.start();
  await near.put('/services/pay/c', one.address);
  await near.delete('/services/web/a');
  await waitFor(async () => (await answers(site, 'pay')) === 'one', { timeout: 20_000 });
  expect([await answers(site, 'shop'), await header(site, 'shop')]).toEqual(['two', 'kept']);
});

test('without a layer a silent source is waited for, where it is not optional', async () => {
  await using near = await startEtcd();
  await using far = await startEtcd();
  await using one = await startBackend('one');
  await using site = await siteOf([
    { etcd: { endpoints: [near.endpoint] } },
    { etcd: { endpoints: [far.endpoint] } },
  ]);
  await near.put('/services/web/a', one.address);
  await far.kill();
  {
    await using daemon = await site.start();
    await waitFor(async () => (await readyz(site)).body.includes('there is no cache'), { timeout: 20_000 });
    expect(await answers(site, 'web')).toBe('nobody');
    await stopped(daemon);
  }
  const settings = JSON.parse(await readFile(site.settingsFile, 'utf8'));
  settings.sources[1].optional = true;
  await writeFile(site.settingsFile, JSON.stringify(settings));
  await using daemon = await site.start();
  await waitFor(async () => (await answers(site, 'web')) === 'one', { timeout: 20_000 });
  await far.restart();
  await far.put('/services/shop/b', one.address);
  await waitFor(async () => (await answers(site, 'shop')) === 'one', { timeout: 20_000 });
  await stopped(daemon);
});

test('render serves the layer of a silent source and of a refused prefix, and says so', async () => {
  await using etcd = await startEtcd({ auth: AUTH, args: CHEAP });
  await using far = await startEtcd();
  const { give, take } = rights(etcd);
  await using site = await siteOf([login(etcd), { etcd: { endpoints: [far.endpoint] } }], '10s');
  await give();
  await etcd.put('/haproxy/word', 'first');
  await etcd.put('/services/web/a', '127.0.0.1:1001');
  await far.put('/services/shop/b', '127.0.0.1:1002');
  const settings = JSON.parse(await readFile(site.settingsFile, 'utf8'));
  settings.haproxy.mode = 'none';
  await writeFile(site.settingsFile, JSON.stringify(settings));
  const first = await site.run('render');
  expect(first.stderr).toContain('published');
  await take();
  await far.kill();
  await etcd.put('/services/web/c', '127.0.0.1:1003');
  const { code, stderr } = await site.run('render');
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(DENIED) });
  expect(stderr).toContain(far.endpoint);
  const text = await readFile(site.configPath, 'utf8');
  for (const part of ['x-key first', '127.0.0.1:1001', '127.0.0.1:1002', '127.0.0.1:1003']) {
    expect(text).toContain(part);
  }
  await rm(path.join(site.folder, 'state', 'tree'));
  const without = await site.run('render');
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(/^pointsman: reading etcd: /);
  expect(await readFile(site.configPath, 'utf8')).toBe(text);
});
