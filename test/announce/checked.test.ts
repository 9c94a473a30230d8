import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { startAnnounce, storedKey } from '../support/announce.ts';
import { startEtcd } from '../support/etcd.ts';
import { freePort, tempFolder, waitFor } from '../support/haproxy.ts';

const KEY = '/services/web/i-1';

test('a service is registered while it is well, and only then; that etcd is away makes nobody unwell', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const port = await freePort();
  let status = 503;
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' ? status : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await using _server = { [Symbol.asyncDispose]: async () => void server.close() };
  const flags = ['--service', 'web', '--port', String(port), '--host', '127.0.0.1', '--instance', 'i-1'];
  const checks = ['--drain', '0s', '--check', '/healthz', '--interval', '50ms', '--fall', '2', '--rise', '2'];
  await using announce = await startAnnounce({ etcd, stateDir: state.path, flags, more: checks });
  const isThere = async () => (await storedKey(etcd, KEY)) !== null;
  expect(await announce.told('health')).toMatchObject({
    well: false,
    msg: expect.stringContaining('it answers 503'),
  });
  expect(await isThere()).toBe(false);
  status = 200;
  await waitFor(isThere, { what: 'the key' });
  status = 500;
  await waitFor(async () => !(await isThere()), { what: 'no key' });
  status = 200;
  await waitFor(isThere, { what: 'the key again' });

  const before = announce.log().filter(({ event }) => event === 'health').length;
  await etcd.kill();
  await announce.told('store-away');
  await etcd.restart();
  await announce.told('store-live', 2);
  expect(await isThere()).toBe(true);
  expect(announce.log().filter(({ event }) => event === 'health')).toHaveLength(before);
});

const flags = ['--service', 'web', '--port', '8080', '--instance', 'i-1', '--drain', '0s'];

test('without --host, an etcd of this host gives no address: that is refused with what to do', async () => {
  await using state = await tempFolder();
  const etcd = { endpoint: 'http://127.0.0.1:1' };
  await using announce = await startAnnounce({ etcd, stateDir: state.path, flags });
  expect(await announce.ended).toBe(2);
  expect(announce.output()).toMatch(/127\.0\.0\.1 is this host alone.*\n.*--host/);
});

test('the address is that of an interface where one is named; one that only this host has is refused', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const of = (name: string) =>
    startAnnounce({ etcd, stateDir: state.path, flags, more: ['--interface', name] });
  const outside = Object.entries(networkInterfaces()).find(([, all]) =>
    all?.some(({ internal, family }) => !internal && family === 'IPv4'),
  );
  if (outside) {
    const [name, all] = outside;
    await using announce = await of(name);
    await announce.told('registered');
    const { host } = JSON.parse((await storedKey(etcd, KEY))?.text ?? '');
    expect(all?.map(({ address }) => address)).toContain(host);
  }
  await using refused = await of('lo');
  expect(await refused.ended).toBe(2);
  expect(refused.output()).toContain('no other host reaches it at 127.0.0.1');
});

test('what is no check is a mistake of the settings', async () => {
  await using state = await tempFolder();
  const etcd = { endpoint: 'http://127.0.0.1:1' };
  await using announce = await startAnnounce({ etcd, stateDir: state.path, flags, more: ['--check', 'udp'] });
  expect(await announce.ended).toBe(2);
  expect(announce.output()).toContain('tcp, a path such as /healthz, or http://host:port/path');
});

test('a bad check right after a start does not take out what was well before it; one that stays bad does', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const port = await freePort();
  let status = 200;
  const server = createServer((_, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await using _server = { [Symbol.asyncDispose]: async () => void server.close() };
  const own = ['--service', 'web', '--port', String(port), '--host', '127.0.0.1', '--instance', 'i-1'];
  const start = () => startAnnounce({ etcd, stateDir: state.path, flags: own, more: ['--check', '/'] });
  const created = async () =>
    (await etcd.client.kv.range({ key: Buffer.from(KEY) })).kvs[0]?.create_revision ?? null;

  const first = await start();
  await first.told('registered');
  const before = await created();
  first.child.kill('SIGKILL');
  await first.ended;
  status = 503;
  const second = await start();
  await second.told('health');
  status = 200;
  await second.told('health', 2);
  await second.told('registered');
  expect(await created()).toBe(before);
  second.child.kill('SIGKILL');
  await second.ended;

  status = 503;
  await using third = await start();
  await third.told('deregistered');
  expect(await created()).toBeNull();
});
