import { describe, expect, test } from 'vitest';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { limited } from '../../src/sources/limited.ts';
import { startEtcd as start, type TestEtcd } from '../support/etcd.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { startRelay } from '../support/relay.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const MEBIBYTE = 2 ** 20;

/** Writes 400 keys of 200 kB, 80 MB in all: one page would hold them, and no message does. */
async function fill(etcd: TestEtcd): Promise<void> {
  for (let from = 0; from < 400; from += 50) {
    const puts = Array.from({ length: 50 }, (_, n) =>
      etcd.client.put(`/services/s${from}/i${n}`).value(`${n}`.repeat(100_000).slice(0, 200_000)),
    );
    await etcd.client
      .if('/none', 'Create', '==', 0)
      .then(...puts)
      .commit();
  }
}

/** 100 keys in each of `count` transactions, of which four are under way at a time. */
async function flood(etcd: TestEtcd, count: number): Promise<void> {
  const left = Array.from({ length: count }, (_, at) => at);
  const writer = async () => {
    for (let at = left.shift(); at !== undefined; at = left.shift()) {
      const puts = Array.from({ length: 100 }, (_, n) =>
        etcd.client.put(`/services/evil-${n}/i${at}`).value('10.0.0.1:80'),
      );
      await etcd.client
        .if('/none', 'Create', '==', 0)
        .then(...puts)
        .commit();
    }
  };
  await Promise.all([writer(), writer(), writer(), writer()]);
}

describe.each(etcdVersions)('etcd $name', ({ path: binary }) => {
  const startEtcd = (options: Parameters<typeof start>[0] = {}) => start({ binary, ...options });

  test('a page above the size of a message is read in parts, and of a store far above the limits the oldest keys', async () => {
    await using etcd = await startEtcd({ args: ['--max-request-bytes=16777216'] });
    await fill(etcd);
    const options = { endpoints: [etcd.endpoint], prefixes: ['/services'], index: 0 };

    const whole = await etcdSource(options).read(AbortSignal.timeout(30_000));
    expect(whole).toHaveLength(400);
    expect(whole.reduce((sum, { value }) => sum + value.length, 0)).toBeGreaterThan(64 * MEBIBYTE);

    // A fifth of what is there: not much more than that is held at any time.
    const limits = { keys: 1_000, valueBytes: MEBIBYTE, totalBytes: 15 * MEBIBYTE };
    const bounded = limited(etcdSource({ ...options, limits }), { index: 0, limits });
    await etcd.put('/services/late/one', '10.0.0.1:80');
    const read = await etcdSource({ ...options, limits }).read(AbortSignal.timeout(30_000));
    expect(read.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThan(25 * MEBIBYTE);

    await using seen = new SourceRecorder(bounded);
    await seen.until(() => seen.states.includes('stale'));
    const told = seen.events.find((event) => event.kind === 'state' && event.error !== undefined);
    expect(told).toMatchObject({ error: { message: expect.stringContaining('far more than') } });
    const whole15 = [...seen.tree.values()].filter(({ refused }) => refused === undefined);
    const services = new Set(whole15.map(({ key }) => key.split('/')[2]));
    expect([...services]).toEqual(expect.arrayContaining(['s0', 'late']));
    expect(services).not.toContain('s350');

    // What is written later to a service with few keys is let in.
    await etcd.put('/services/late/two', '10.0.0.2:80');
    await seen.until(() => seen.values['/services/late/two'] === '10.0.0.2:80');
  }, 120_000);

  test('masses that were missed are read in pages instead of watched: etcd would bring all of them together again and again', async () => {
    await using etcd = await startEtcd();
    await using relay = await startRelay(etcd.port);
    const limits = { keys: 2_000, valueBytes: MEBIBYTE, totalBytes: 15 * MEBIBYTE };
    const options = {
      endpoints: [`http://127.0.0.1:${relay.port}`],
      prefixes: ['/services', '/routes'],
      index: 0,
    };
    await using seen = new SourceRecorder(limited(etcdSource({ ...options, limits }), { index: 0, limits }));
    await seen.until(() => seen.states.includes('live'));
    await flood(etcd, 30);
    await seen.until(() => seen.tree.size === 2_200);
    relay.refuse();
    await flood(etcd, 300);
    await etcd.put('/services/calm/one', '10.0.0.2:80');
    const before = seen.snapshots.length;
    relay.accept();
    await seen.until(() => '/services/calm/one' in seen.values);
    expect(seen.snapshots.length).toBe(before + 1);
    const whole = [...seen.tree.values()].filter(({ refused }) => refused === undefined);
    expect(whole.length).toBeLessThanOrEqual(2_200);

    // All of it is deleted in one transaction.
    await etcd.deletePrefix('/services/evil');
    await seen.until(() => seen.tree.size === 1);
    await seen.until(() => seen.states.at(-1) === 'live');
  }, 120_000);
});
