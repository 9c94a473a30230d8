import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { haproxyVersions, oldestAndNewest } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { writeTree } from '../support/replace-file.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

type Tree = Readonly<Record<'services' | 'routes', Readonly<Record<string, unknown>>>>;

interface SetAside {
  readonly unit: string;
  readonly keys: readonly string[];
  readonly reason: string;
  readonly local?: boolean;
}

async function hold(port: number): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
  });
  return Object.assign(server, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}

const write = (site: Site, tree: Tree) => writeTree(site, tree);

const setAside = async (daemon: Daemon) => (await daemon.status()).quarantined as readonly SetAside[];
const statusOf = async (site: Site, host: string) =>
  (await request(site.url, { headers: { host } }).catch(() => null))?.status;
const reloads = (daemon: Daemon) => daemon.log().filter(({ outcome }) => outcome === 'reloaded').length;

/** Lets a port go, and waits until HAProxy answers there. Gives after how many milliseconds nothing was set aside any more. */
async function untilTaken(daemon: Daemon, port: number, holder: AsyncDisposable): Promise<number> {
  await holder[Symbol.asyncDispose]();
  const freed = Date.now();
  await waitFor(async () => (await setAside(daemon)).length === 0, { timeout: 20_000, what: 'another try' });
  const tried = Date.now() - freed;
  await waitFor(async () => (await request(`http://127.0.0.1:${port}/`).catch(() => null)) !== null, {
    timeout: 20_000,
    what: 'HAProxy at the port',
  });
  return tried;
}

describe.each(oldestAndNewest)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('a route whose port somebody else holds is set aside on this host alone, all else goes on, and it comes within 5 s of the port being free', async () => {
    await using web = await startBackend('web');
    await using site = await makeSite({ vars: { bindAddress: '127.0.0.1' } });
    const port = await freePort();
    const services = { web: { i: web.address }, own: { i: web.address.replace('127.0.0.1', '127.0.0.2') } };
    await write(site, { services, routes: {} });
    await using daemon = await site.start();
    await daemon.ready();
    await waitFor(async () => (await statusOf(site, 'web')) === 200);
    await using load = startLoad(`${site.url}/?x`, { pause: 5, host: 'web' });
    const holder = await hold(port);
    const routes = { own: { hosts: ['own.test'], port } };
    await write(site, { services, routes });
    await waitFor(async () => (await setAside(daemon)).length === 1, { timeout: 15_000 });
    expect(await setAside(daemon)).toMatchObject([
      { unit: 'route of own', keys: ['/routes/own'], local: true },
    ]);
    expect((await setAside(daemon))[0]?.reason).toContain('holds this port');
    // What comes after it goes out.
    const more = {
      services: { ...services, more: { i: web.address.replace('127.0.0.1', '127.0.0.3') } },
      routes: { ...routes, more: { hosts: ['more.test'] } },
    };
    await write(site, more);
    await waitFor(async () => (await statusOf(site, 'more.test')) !== 404, { timeout: 15_000 });
    expect(daemon.log().some(({ event }) => event === 'reload-failed')).toBe(false);
    expect(await untilTaken(daemon, port, holder)).toBeLessThan(5000);
    expect(load.failures()).toEqual([]);
  }, 90_000);

  test('a HAProxy that does not start over one taken port starts without it', async () => {
    await using web = await startBackend('web');
    await using site = await makeSite({ vars: { bindAddress: '127.0.0.1' } });
    const port = await freePort();
    const holder = await hold(port);
    const services = { web: { i: web.address }, own: { i: web.address.replace('127.0.0.1', '127.0.0.2') } };
    await write(site, { services, routes: { own: { hosts: ['own.test'], port } } });
    await using daemon = await site.start();
    await waitFor(async () => (await statusOf(site, 'web')) === 200, { timeout: 30_000 });
    // A service that is new with its route needs that.
    const aside = (await setAside(daemon)).map(({ unit, local }) => `${unit} ${local}`);
    expect(aside.sort()).toEqual(['instances of own true', 'route of own true']);
    // Now that HAProxy runs it is seen who holds it.
    await waitFor(async () => (await setAside(daemon))[0]?.reason.includes('holds this port'), {
      timeout: 20_000,
    });
    await holder[Symbol.asyncDispose]();
    await waitFor(async () => (await request(`http://127.0.0.1:${port}/`).catch(() => null)) !== null, {
      timeout: 30_000,
    });
  }, 60_000);
});

describe.each(haproxyVersions)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('a failed reload is blamed by the line that HAProxy names, once: nothing is searched for by reloads; it comes within 5 s of the port being free', async () => {
    await using web = await startBackend('web');
    await using site = await makeSite({ more: { template: './t/haproxy.cfg.njk' } });
    await mkdir(path.join(site.folder, 't'));
    // A bind to an interface is none that the preflight judges.
    await writeFile(
      path.join(site.folder, 't', 'haproxy.cfg.njk'),
      `global
  stats socket {{ haproxy.statsSocket }} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend f
  bind {{ vars.bind }}
{% for s in services %}
  use_backend be_{{ s.name }} if { hdr(host) {{ s.name }} }
{% endfor %}
{% for s in services %}
{% if s.port %}
frontend own_{{ s.name }}
  bind 127.0.0.1:{{ s.port }} interface lo
  default_backend be_{{ s.name }}
{% endif %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}
{% endfor %}
`,
    );
    const port = await freePort();
    await using holder = await hold(port);
    const services = { web: { i: web.address }, own: { i: web.address.replace('127.0.0.1', '127.0.0.2') } };
    await write(site, { services, routes: {} });
    await using daemon = await site.start();
    await daemon.ready();
    const before = reloads(daemon);
    await write(site, { services, routes: { own: { hosts: ['own.test'], port } } });
    await waitFor(async () => (await setAside(daemon)).length === 1, { timeout: 30_000 });
    expect(await setAside(daemon)).toMatchObject([{ unit: 'route of own', local: true }]);
    const more = { ...services, more: { i: web.address.replace('127.0.0.1', '127.0.0.3') } };
    await write(site, { services: more, routes: { own: { hosts: ['own.test'], port } } });
    await waitFor(async () => (await statusOf(site, 'more')) !== 404 && reloads(daemon) > before, {
      timeout: 15_000,
    });
    const failed = () =>
      daemon.log().filter(({ event, part }) => event === 'reload-failed' && part === undefined);
    expect(failed()).toHaveLength(1);
    // As soon as the port is free it is tried, by one reload that does not fail.
    expect(await untilTaken(daemon, port, holder)).toBeLessThan(5000);
    expect(failed()).toHaveLength(1);
  }, 90_000);
});
