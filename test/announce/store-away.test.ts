import { rm, writeFile } from 'node:fs/promises';
import { Range } from 'etcd3';
import { describe, expect, test } from 'vitest';
import type { Registration } from '../../src/announce/registration.ts';
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

/** An etcd in which these are registered; both end with `stack`. */
async function registered(stack: AsyncDisposableStack, binary: string, ...registrations: Registration[]) {
  const etcd = stack.use(await startEtcd({ binary }));
  const state = stack.use(await tempFolder());
  const a = stack.use(openRegistrar(etcd, { stateDir: state.path }));
  await a.registrar.want(registrations);
  return { etcd, a, before: await storedKey(etcd, KEY) };
}

describe.each(etcdVersions)('on etcd $name', ({ path: binary }) => {
  test('an etcd that is killed and started again has the same key under the same lease; meanwhile it is told once', async () => {
    await using stack = new AsyncDisposableStack();
    const { etcd, a, before } = await registered(stack, binary, ONE);
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
    await using stack = new AsyncDisposableStack();
    const { etcd, a } = await registered(stack, binary, ONE, registrationFor('j'));
    await etcd.kill('SIGKILL');
    await rm(etcd.dataDir, { recursive: true });
    await etcd.restart();
    expect(await back(etcd)).toBeLessThan(2000);
    await waitFor(async () => (await storedKey(etcd, '/services/web/j')) !== null, { what: 'the other key' });
    await a.told('lease-lost');
  });

  test('a lease that ran out while etcd was out of reach is followed by a new one', async () => {
    await using stack = new AsyncDisposableStack();
    const { etcd, a, before } = await registered(stack, binary, ONE);
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

  /** An etcd with a partner who may do that, and what is needed to be him. */
  async function withPartner(stack: AsyncDisposableStack, binary?: string) {
    const etcd = stack.use(await startEtcd({ auth: AUTH, ...(binary === undefined ? {} : { binary }) }));
    const { path } = stack.use(await tempFolder());
    const passwordFile = `${path}/password`;
    await writeFile(passwordFile, 'p\n');
    const access = { endpoints: [etcd.endpoint], username: 'partner', passwordFile };
    return { etcd, open: () => openRegistrar(etcd, { stateDir: path, access }) };
  }

  test('who may write below its service alone can do all of it', async () => {
    await using stack = new AsyncDisposableStack();
    const { etcd, open } = await withPartner(stack);
    const a = open();
    await a.registrar.want([ONE]);
    await etcd.delete(KEY);
    await a.told('registered', 2);
    await a.registrar.close({ leave: true });
    expect(await storedKey(etcd, KEY)).toBeNull();
  });

  test.each(etcdVersions)(
    'a key that etcd $name refuses is told, and tried on: the others are registered',
    async ({ path: binary }) => {
      await using stack = new AsyncDisposableStack();
      const { etcd, open } = await withPartner(stack, binary);
      const role = etcd.client.role('tester');
      // He may see these, and not write them.
      await role.grant({ permission: 'Read', range: Range.prefix('/services/seen/') });
      const seen = { ...ONE, service: 'seen' };
      const many = Array.from({ length: 120 }, (_, at) => registrationFor(`many-${at}`));
      await using a = open();
      await a.registrar.want([...many, { ...ONE, service: 'api' }, seen, ONE]);
      expect(await a.told('refused')).toMatchObject({
        key: '/services/api/i',
        why: 'permission denied to the user "partner"',
        hint: expect.stringContaining('readwrite --prefix /services/api/'),
      });
      expect(await a.told('refused', 2)).toMatchObject({ key: '/services/seen/i' });
      expect([...a.registrar.state.refused.keys()]).toEqual(['/services/api/i', '/services/seen/i']);
      expect(a.registrar.state).toMatchObject({ awaySince: null });
      expect(a.registrar.state.registered).toHaveLength(121);
      expect(await storedKey(etcd, KEY)).not.toBeNull();

      // The others go on as before, also where they change.
      await etcd.delete(KEY);
      await a.told('registered', 122);
      expect(await storedKey(etcd, KEY)).not.toBeNull();
      await role.grant({
        permission: 'Readwrite',
        range: Range.prefix('/services/api/'),
      });
      await a.told('registered', 123);
      expect(await storedKey(etcd, '/services/api/i')).not.toBeNull();
      expect([...a.registrar.state.refused.keys()]).toEqual(['/services/seen/i']);
      // Each was told once, however often it was tried; and the store was never taken to be away.
      const told = a.events.filter(({ kind }) => kind === 'refused' || kind === 'store-away');
      expect(told.map(({ kind }) => kind)).toEqual(['refused', 'refused']);
    },
  );

  test('a key that is refused later than it was registered takes no other with it, and neither does its lease', async () => {
    await using stack = new AsyncDisposableStack();
    const { etcd, open } = await withPartner(stack);
    const role = etcd.client.role('tester');
    const range = Range.prefix('/services/api/');
    await role.grant({ permission: 'Readwrite', range });
    const both = [ONE, { ...ONE, service: 'api' }];
    const a = open();
    await a.registrar.want(both);
    await role.revoke({ permission: 'Readwrite', range });
    await a.registrar.want([
      { ...ONE, weight: 3 },
      { ...ONE, service: 'api', weight: 3 },
    ]);
    expect((await storedKey(etcd, KEY))?.text).toContain('"weight":3');
    expect([...a.registrar.state.refused.keys()]).toEqual(['/services/api/i']);
    await a.registrar.close({ leave: false });

    await using b = open();
    await b.registrar.want(both);
    expect(b.registrar.state).toMatchObject({ awaySince: null, registered: [KEY] });
    expect((await storedKey(etcd, KEY))?.text).not.toContain('"weight"');
    const began = performance.now();
    await b.registrar.close({ leave: true });
    expect(performance.now() - began).toBeLessThan(2_500);
    expect(await storedKey(etcd, KEY)).toBeNull();
  });
});
