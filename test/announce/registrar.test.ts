import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storedKey } from '../support/announce.ts';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';
import { openRegistrar, registrationFor } from '../support/registrar.ts';

let etcd: TestEtcd;
let state: Awaited<ReturnType<typeof tempFolder>>;
beforeAll(async () => {
  [etcd, state] = await Promise.all([startEtcd(), tempFolder()]);
});
afterAll(async () => {
  await etcd[Symbol.asyncDispose]();
  await state[Symbol.asyncDispose]();
});

let last = 0;
/** A key that no other test has, with what a registrar of it needs. */
function fresh() {
  last += 1;
  const [instance, owner] = [`i-${last}`, `machine/${last}`];
  const key = `/services/web/${instance}`;
  const one = (more: object = {}) => registrationFor(instance, { owner, ...more });
  const open = (more: object = {}) => openRegistrar(etcd, { stateDir: state.path, owner, ...more });
  const stored = () => storedKey(etcd, key);
  const text = async () => (await stored())?.text ?? null;
  return { key, owner, instance, one, open, stored, text };
}

/** Milliseconds until a condition holds. */
async function until(what: string, condition: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  await waitFor(condition, { what, timeout: 10_000, every: 5 });
  return performance.now() - began;
}

describe('what is registered', () => {
  test('is put again at once under the same lease where somebody deletes it', async () => {
    const { key, one, open, stored } = fresh();
    await using a = open();
    await a.registrar.want([one()]);
    const before = await stored();
    for (let times = 1; times <= 3; times++) {
      await etcd.delete(key);
      await a.told('registered', times + 1);
      expect(await stored()).toMatchObject({ lease: before?.lease, text: before?.text });
    }
    expect(a.events.at(-1)).toMatchObject({ why: 'gone' });
  });

  test('is put again under a new lease within 2 s where its lease is revoked', async () => {
    const { one, open, stored } = fresh();
    await using a = open();
    await a.registrar.want([one()]);
    const before = await stored();
    await etcd.client.leaseClient.leaseRevoke({ ID: before?.lease ?? '' });
    expect(await until('the key', async () => (await stored()) !== null)).toBeLessThan(2000);
    expect((await stored())?.lease).not.toBe(before?.lease);
    await a.told('lease-lost');
  });

  test('outlives its lease for as long as this runs, and no longer than the lease after a kill', async () => {
    const { one, open, stored } = fresh();
    const a = open({ ttl: 2 });
    await a.registrar.want([one()]);
    const before = await stored();
    await a.told('lease-renewed', 5);
    expect(await stored()).toEqual(before);
    await a.registrar.close({ leave: false });
    expect(await stored()).toEqual(before);
    await until('its end', async () => (await stored()) === null);
  });

  test('says again what it should where somebody changed it and left its owner in', async () => {
    const { key, owner, one, open, text } = fresh();
    await using a = open();
    await a.registrar.want([one()]);
    const before = await text();
    await etcd.put(key, JSON.stringify({ host: '10.9.9.9', port: 1, meta: { owner } }));
    await a.told('registered', 2);
    expect(await text()).toBe(before);
  });

  test('changes with what is wanted, in place', async () => {
    const { one, open, stored } = fresh();
    await using a = open();
    await a.registrar.want([one()]);
    const before = await stored();
    await a.registrar.want([one({ drain: true, weight: 7 })]);
    expect(JSON.parse((await stored())?.text ?? '')).toMatchObject({ drain: true, weight: 7 });
    expect((await stored())?.lease).toBe(before?.lease);
  });

  test('is deleted when it is not wanted any more, and nothing else is', async () => {
    const { one, open, stored, owner } = fresh();
    const other = fresh();
    await using a = open();
    await a.registrar.want([one(), registrationFor(other.instance, { owner })]);
    await a.registrar.want([registrationFor(other.instance, { owner })]);
    expect(await stored()).toBeNull();
    expect(await other.stored()).not.toBeNull();
    expect(a.registrar.state.registered).toEqual([other.key]);
  });

  test('is many at once: 300 keys under one lease', async () => {
    const { open, owner } = fresh();
    await using a = open();
    const many = Array.from({ length: 300 }, (_, at) => registrationFor(`many-${at}`, { owner }));
    await a.registrar.want(many);
    const { kvs } = await etcd.client.getAll().prefix('/services/web/many-').exec();
    expect(kvs).toHaveLength(300);
    expect(new Set(kvs.map(({ lease }) => lease)).size).toBe(1);
    await a.registrar.close({ leave: true });
    expect(await etcd.client.getAll().prefix('/services/web/many-').count()).toBe(0);
  });

  test('is not written for ever where somebody deletes it again and again', async () => {
    const { key, one, open, stored } = fresh();
    await using a = open();
    await a.registrar.want([one()]);
    const writes = () => a.events.filter(({ kind }) => kind === 'registered').length;
    const end = performance.now() + 1500;
    while (performance.now() < end) {
      await etcd.delete(key);
    }
    expect(writes()).toBeLessThan(20);
    await until('the key', async () => (await stored()) !== null);
  });
});

test('a value that etcd does not take is told with its key, and the others are registered', async () => {
  const { one, open, text } = fresh();
  const large = fresh();
  await using a = open();
  const value = registrationFor(large.instance, {
    meta: { owner: 'machine/large', note: 'x'.repeat(1_700_000) },
  });
  await a.registrar.want([value, one()]);
  expect(await text()).not.toBeNull();
  expect(await large.stored()).toBeNull();
  expect(await a.told('refused')).toMatchObject({
    key: large.key,
    why: expect.stringContaining('larger than'),
  });
  await a.registrar.want([one()]);
  expect(a.registrar.state.refused.size).toBe(0);
});

describe('what was left behind', () => {
  test('is taken up with its lease: neither a gap nor a second key', async () => {
    const { one, open, stored } = fresh();
    const a = open();
    await a.registrar.want([one()]);
    const before = await stored();
    await a.registrar.close({ leave: false });
    await using b = open();
    await b.registrar.want([one()]);
    expect(await stored()).toEqual(before);
    expect(b.events.map(({ kind }) => kind)).toEqual(['lease-held', 'lease-renewed', 'store-live']);
    expect(b.events[0]).toMatchObject({ how: 'taken up' });
  });

  test('is taken over by its owner who lost his state', async () => {
    const { one, open, stored } = fresh();
    await using other = await tempFolder();
    await open().registrar.want([one()]);
    const before = await stored();
    await using b = open({ stateDir: other.path });
    await b.registrar.want([one({ port: 8081 })]);
    const after = await stored();
    expect(after?.lease).not.toBe(before?.lease);
    expect(after?.text).toContain('8081');
    await b.told('registered');
    expect(b.events.at(-1)).toMatchObject({ why: 'taken over' });
  });

  test('and is not wanted any more is deleted with the first set', async () => {
    const { one, open, stored, owner } = fresh();
    const other = fresh();
    const a = open();
    await a.registrar.want([one(), registrationFor(other.instance, { owner })]);
    await a.registrar.close({ leave: false });
    await using b = open();
    await b.told('lease-held');
    expect(await stored()).not.toBeNull();
    await b.registrar.want([registrationFor(other.instance, { owner })]);
    expect(await stored()).toBeNull();
    expect(await other.stored()).not.toBeNull();
  });

  test('moves to a lease of another length, where that is asked for', async () => {
    const { one, open, stored, owner } = fresh();
    const other = fresh();
    const a = open({ ttl: 30 });
    await a.registrar.want([one(), registrationFor(other.instance, { owner })]);
    const before = await stored();
    await a.registrar.close({ leave: false });
    await using b = open({ ttl: 60 });
    await b.registrar.want([one()]);
    expect((await stored())?.lease).not.toBe(before?.lease);
    expect(await b.told('lease-held')).toMatchObject({ seconds: 60 });
    expect(await other.stored()).toBeNull();
  });

  test('stays as it is where the state folder cannot be written, which is told once', async () => {
    const { one, open, text } = fresh();
    await writeFile(`${state.path}/file`, '');
    await using a = open({ stateDir: `${state.path}/file/below` });
    await a.registrar.want([one()]);
    expect(await text()).not.toBeNull();
    expect(a.events.filter(({ kind }) => kind === 'notice')).toHaveLength(1);
  });
});

describe("a key of somebody else's", () => {
  test.each([
    ['another owner', { meta: { owner: 'machine/other' } }, '5', 'the owner machine/other'],
    ['another owner, without a lease', { meta: { owner: 'machine/other' } }, '0', 'the owner machine/other'],
    ['no owner, under a lease', {}, '5', 'a key under a lease that says no owner'],
  ])('is never touched, with adopt neither: %s', async (_, more, lease, who) => {
    const { key, one, open, stored } = fresh();
    const value = JSON.stringify({ host: '10.4.4.4', port: 4, ...more });
    const { ID } = lease === '0' ? { ID: '0' } : await etcd.client.leaseClient.leaseGrant({ TTL: 60 });
    await etcd.client.kv.put({ key: Buffer.from(key), value: Buffer.from(value), lease: ID });
    const before = await stored();
    await using a = open({ adopt: true });
    await a.registrar.want([one()]);
    expect([...a.registrar.state.held]).toEqual([[key, who]]);
    expect(a.registrar.state.registered).toEqual([]);
    await a.registrar.want([one({ drain: true })]);
    await a.registrar.want([]);
    await a.registrar.want([one()]);
    expect(await stored()).toEqual(before);
    expect(a.events.filter(({ kind }) => kind === 'held-by-other')).toHaveLength(2);

    await etcd.delete(key);
    await a.told('registered');
    expect(a.registrar.state.held.size).toBe(0);
  });

  test('without owner and lease is taken over with adopt alone, and stays when we leave without it', async () => {
    const { key, one, open, text } = fresh();
    await etcd.put(key, '10.4.4.4:4');
    const a = open();
    await a.registrar.want([one()]);
    expect(await a.told('held-by-other')).toMatchObject({ hint: expect.stringContaining('--adopt') });
    await a.registrar.close({ leave: true });
    expect(await text()).toBe('10.4.4.4:4');
    await using b = open({ adopt: true });
    await b.registrar.want([one()]);
    expect(await text()).toContain('10.1.2.3');
    expect(await b.told('registered')).toMatchObject({ why: 'adopted' });
  });

  test('that took our place while we ran is left alone when we leave', async () => {
    const { key, one, open, text } = fresh();
    const a = open();
    await a.registrar.want([one()]);
    await etcd.put(key, '10.4.4.4:4');
    await a.told('held-by-other');
    await a.registrar.close({ leave: true });
    expect(await text()).toBe('10.4.4.4:4');
  });
});

describe('two partners of one owner', () => {
  test('do not take the key from each other: the newer one has it, and the older one when that is gone', async () => {
    const { one, open, stored, text } = fresh();
    await using other = await tempFolder();
    const older = open();
    await older.registrar.want([one({ port: 1 })]);
    const newer = open({ stateDir: other.path });
    await newer.registrar.want([one({ port: 2 })]);
    expect(await older.told('held-by-other')).toMatchObject({
      who: expect.stringContaining('newer partner'),
    });
    const settled = await stored();
    expect(settled?.text).toContain('"port":2');
    // Whatever the older one wants now, its turn has passed.
    await older.registrar.want([one({ port: 3 })]);
    expect(await stored()).toEqual(settled);

    await newer.registrar.close({ leave: true });
    await older.told('registered', 2);
    expect(await text()).toContain('"port":3');
    await older.registrar.close({ leave: true });
    expect(await stored()).toBeNull();
  });

  test('of one state folder share the lease, and the one that leaves leaves the other one its key', async () => {
    const { one, open, stored } = fresh();
    const older = open();
    await older.registrar.want([one({ port: 1 })]);
    await using newer = open();
    await newer.registrar.want([one({ port: 2 })]);
    await older.told('held-by-other');
    const settled = await stored();
    await older.registrar.close({ leave: true });
    expect(await stored()).toEqual(settled);
    await newer.registrar.want([one({ port: 4 })]);
    expect((await stored())?.lease).toBe(settled?.lease);
  });
});
