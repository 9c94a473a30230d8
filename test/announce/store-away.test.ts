import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { storedKey } from '../support/announce.ts';
import { type EtcdAuth, startEtcd, type TestEtcd } from '../support/etcd.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { freePort, tempFolder, waitFor } from '../support/haproxy.ts';
import { openRegistrar, registrationFor } from '../support/registrar.ts';

const KEY = '/services/web/i';
const ONE = registrationFor('i');

/** Waits until the key stands again after the store serves, and says how many milliseconds that took. */
async function back(etcd: TestEtcd, other = ''): Promise<number> {
  const began = performance.now();
  await waitFor(
    async () => {
      const found = await storedKey(etcd, KEY).catch(() => null);
      return found !== null && found.lease !== other;
    },
    { what: 'the key', timeout: 15_000, every: 10 },
  );
  return performance.now() - began;
}

describe.each(etcdVersions)('on etcd $name', ({ path: binary }) => {
  test('an etcd that is killed and started again has the same key under the same lease; meanwhile it is told once', async () => {
    await using etcd = await startEtcd({ binary });
    await using state = await tempFolder();
    await using a = openRegistrar(etcd, { stateDir: state.path });
    await a.registrar.want([ONE]);
    const before = await storedKey(etcd, KEY);
    await etcd.kill('SIGKILL');
    await a.told('store-away');
    expect(a.registrar.state.awaySince).not.toBeNull();
    // What is wanted meanwhile waits for it.
    const wanted = a.registrar.want([{ ...ONE, weight: 3 }]);
    await etcd.restart();
    await wanted;
    const after = await storedKey(etcd, KEY);
    expect(after?.lease).toBe(before?.lease);
    expect(after?.text).toContain('"weight":3');
    expect(a.registrar.state).toMatchObject({ awaySince: null, registered: [KEY] });
    expect(a.events.filter(({ kind }) => kind === 'lease-lost')).toEqual([]);
    expect(a.events.filter(({ kind }) => kind === 'store-live')).toHaveLength(2);
  });

  test('an etcd that was wiped has the key within 2 s after it serves, under a new lease', async () => {
    await using etcd = await startEtcd({ binary });
    await using state = await tempFolder();
    await using a = openRegistrar(etcd, { stateDir: state.path });
    await a.registrar.want([ONE, registrationFor('j')]);
    await etcd.kill('SIGKILL');
    await rm(etcd.dataDir, { recursive: true });
    await etcd.restart();
    expect(await back(etcd)).toBeLessThan(2000);
    await waitFor(async () => (await storedKey(etcd, '/services/web/j')) !== null, { what: 'the other key' });
    await a.told('lease-lost');
  });

  test('a lease that ran out while etcd was out of reach is followed by a new one', async () => {
    await using etcd = await startEtcd({ binary });
    await using state = await tempFolder();
    await using a = openRegistrar(etcd, { stateDir: state.path });
    await a.registrar.want([ONE]);
    const before = await storedKey(etcd, KEY);
    await etcd.kill('SIGKILL');
    await a.told('store-away');
    // Another member of the cluster would have ended it meanwhile.
    await using other = await startEtcd({ binary, dataDir: etcd.dataDir });
    await other.client.leaseClient.leaseRevoke({ ID: before?.lease ?? '' });
    await other.kill('SIGTERM');
    await etcd.restart();
    expect(await back(etcd, before?.lease)).toBeLessThan(2000);
  });
});

test('an etcd that comes later is found, and one that freezes is waited for', async () => {
  const port = await freePort();
  await using state = await tempFolder();
  await using a = openRegistrar({ endpoint: `http://127.0.0.1:${port}` }, { stateDir: state.path });
  const wanted = a.registrar.want([ONE]);
  expect(await a.told('store-away')).toMatchObject({ message: expect.stringContaining('refused') });
  await using etcd = await startEtcd({ port });
  await wanted;
  expect(await storedKey(etcd, KEY)).not.toBeNull();

  await etcd.kill('SIGSTOP');
  const changed = a.registrar.want([{ ...ONE, drain: true }]);
  await a.told('store-away', 2);
  await etcd.kill('SIGCONT');
  await changed;
  expect((await storedKey(etcd, KEY))?.text).toContain('"drain":true');
});

test('leaving is over within its 3 s where etcd is away', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const a = openRegistrar(etcd, { stateDir: state.path });
  await a.registrar.want([ONE]);
  await etcd.kill('SIGKILL');
  const began = performance.now();
  await a.registrar.close({ leave: true });
  expect(performance.now() - began).toBeLessThan(5000);
});

describe('with users', () => {
  const AUTH: EtcdAuth = {
    rootPassword: 'r',
    username: 'partner',
    password: 'p',
    prefixes: ['/services/web/'],
  };

  test('who may write below its service alone can do all of it; what he may not is told with its name', async () => {
    await using etcd = await startEtcd({ auth: AUTH });
    await using state = await tempFolder();
    const passwordFile = `${state.path}/password`;
    await writeFile(passwordFile, 'p\n');
    const access = { endpoints: [etcd.endpoint], username: 'partner', passwordFile };
    const a = openRegistrar(etcd, { stateDir: state.path, access });
    await a.registrar.want([ONE]);
    await etcd.delete(KEY);
    await a.told('registered', 2);
    await a.registrar.close({ leave: true });
    expect(await storedKey(etcd, KEY)).toBeNull();

    await using b = openRegistrar(etcd, { stateDir: state.path, access });
    void b.registrar.want([{ ...ONE, service: 'api' }]);
    expect(await b.told('store-away')).toMatchObject({
      message: expect.stringContaining('permission denied for /services/api/i to the user "partner"'),
      hint: expect.stringContaining('readwrite --prefix /services/'),
    });
  });
});
