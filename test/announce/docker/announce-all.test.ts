import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnnounce, type TestAnnounce } from '../../support/announce.ts';
import { startDocker, type TestDocker } from '../../support/docker.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { waitFor as soon, tempFolder } from '../../support/haproxy.ts';

/** An engine takes its time where the machine is busy. */
const waitFor: typeof soon = (condition, options) => soon(condition, { timeout: 30_000, ...options });

let docker: TestDocker;
let etcd: TestEtcd;
beforeAll(async () => {
  [docker, etcd] = await Promise.all([startDocker(), startEtcd()]);
});
afterAll(async () => {
  await docker?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
});

const WEB = { 'pointsman.service': 'web' };
const ALL = ['--all', '--host', '127.0.0.1', '--drain', '300ms'];

async function announce(stateDir: string, flags: readonly string[] = ALL): Promise<TestAnnounce> {
  return startAnnounce({ etcd, stateDir, flags, env: docker.env });
}

interface Stored {
  readonly port: number;
  readonly drain: boolean;
  readonly modified: string;
  readonly lease: string;
}

/** What is announced, by the name of the container. */
async function stored(): Promise<Record<string, Stored>> {
  const { kvs } = await etcd.client.getAll().prefix('/services/').exec();
  return Object.fromEntries(
    kvs.map((kv) => {
      const { port, drain = false } = JSON.parse(kv.value.toString());
      const [, name = ''] = kv.key.toString().split(':');
      return [name, { port, drain, modified: kv.mod_revision, lease: kv.lease }];
    }),
  );
}

const names = async () => Object.keys(await stored()).join();

/** The ids of the leases that there are. */
async function leases(): Promise<string[]> {
  return (await etcd.client.leaseClient.leaseLeases()).leases.map(({ ID }) => String(ID));
}

test('the keys of a host outlive its announce: a new one changes none, and takes out what died meanwhile', async () => {
  await using state = await tempFolder();
  for (const name of ['one', 'two', 'three']) {
    await docker.run({ name, labels: WEB });
  }
  {
    await using first = await announce(state.path);
    await waitFor(async () => (await names()) === 'one,three,two', { what: 'all three' });
    expect((await stored()).one?.port).toBe(await docker.port('one'));
    expect(new Set(Object.values(await stored()).map(({ lease }) => lease)).size).toBe(1);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
  }
  const before = await stored();
  expect(Object.keys(before)).toHaveLength(3);
  {
    await using second = await announce(state.path);
    await second.told('engine-here');
    await second.told('lease-held');
    await docker.run({ name: 'four', labels: WEB });
    await waitFor(async () => (await names()) === 'four,one,three,two');
    const { four, ...rest } = await stored();
    expect(rest).toEqual(before);
    expect(four?.lease).toBe(before.one?.lease);
    second.child.kill('SIGKILL');
    await second.ended;
  }
  await docker.remove('two');
  await docker.restart('three', 0);
  await using third = await announce(state.path);
  await third.told('deregistered');
  await waitFor(async () => (await stored()).three?.port === (await docker.port('three')));
  expect(await names()).toBe('four,one,three');
  expect((await stored()).one).toEqual(before.one);

  const refused = await announce(state.path, [...ALL, '--leave']);
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain('taking this host out: its announce --all still runs');
  // As where a new one is started before the old one is ended.
  await using fourth = await announce(state.path);
  await waitFor(() => fourth.output().includes('this one waits for its end'));
  third.child.kill('SIGTERM');
  await third.ended;
  await fourth.told('engine-here');
  await docker.remove('four');
  await waitFor(async () => (await names()) === 'one,three');
  expect((await stored()).one).toEqual(before.one);
  fourth.child.kill('SIGTERM');
  await fourth.ended;

  const [lease = ''] = await leases();
  await using leaving = await announce(state.path, [...ALL, '--leave']);
  await waitFor(async () => Object.values(await stored()).every(({ drain }) => drain), { every: 5 });
  expect(await names(), 'it drains before it is deleted').toBe('one,three');
  expect(await leaving.ended).toBe(0);
  expect(await names()).toBe('');
  expect(await leases()).not.toContain(lease);
  for (const name of ['one', 'three']) {
    await docker.remove(name);
  }
});

test('the partner of one container follows it, drains at SIGTERM and leaves nothing', async () => {
  await using state = await tempFolder();
  await docker.run({ name: 'api', env: { LINGER: '0' } });
  const flags = ['--service', 'api', '--container', 'api', '--container-port', '8080', ...ALL.slice(1)];
  await using partner = await announce(state.path, flags);
  await waitFor(async () => (await stored()).api?.port === (await docker.port('api')));
  await docker.restart('api');
  await waitFor(async () => {
    const found = (await stored()).api;
    return found?.port === (await docker.port('api')) && !found.drain;
  });
  partner.child.kill('SIGTERM');
  await waitFor(async () => (await stored()).api?.drain, { every: 5 });
  expect(await partner.ended).toBe(0);
  expect(await names()).toBe('');
  expect(await leases()).toEqual([]);
  await docker.remove('api');
});

test('a container that cannot be announced is told with what to do, once', async () => {
  await using state = await tempFolder();
  await docker.run({ name: 'inner', labels: WEB, publish: { '8080': '127.0.0.1:' } });
  await docker.run({ name: 'hidden', labels: WEB, publish: 'none' });
  await using all = await announce(state.path, ['--all', '--host', '192.0.2.77', '--drain', '0s']);
  await all.told('container-complaint', 2);
  await docker.pause('inner');
  await docker.unpause('inner');
  await docker.run({ name: 'fine', labels: WEB });
  await waitFor(async () => (await names()) === 'fine');
  const told = all.log().filter(({ event }) => event === 'container-complaint');
  expect(told.map(({ msg }) => msg).sort()).toEqual([
    'container hidden: not announced as web: it publishes no port: start it with -p or -P',
    expect.stringMatching(
      /^container inner: not announced as web: port 8080 is published at 127\.0\.0\.1 alone/,
    ),
  ]);
  for (const name of ['inner', 'hidden', 'fine']) {
    await docker.remove(name);
  }
});
