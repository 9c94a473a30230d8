import { describe, expect, test } from 'vitest';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { sameAsFreshRead } from '../support/believed.ts';
import { startEtcd as start, type TestEtcd } from '../support/etcd.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
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

describe.each(etcdVersions)('etcd $name', ({ path: binary }) => {
  const startEtcd = (options: Parameters<typeof start>[0] = {}) => start({ binary, ...options });

  test('a page above the size of a message is read in parts, and a store far above the limits is given up by name', async () => {
    await using etcd = await startEtcd({ args: ['--max-request-bytes=16777216'] });
    await fill(etcd);
    const options = { endpoints: [etcd.endpoint], prefixes: ['/services'], index: 0 };

    const whole = await etcdSource(options).read(AbortSignal.timeout(30_000));
    expect(whole).toHaveLength(400);
    expect(whole.reduce((sum, { value }) => sum + value.length, 0)).toBeGreaterThan(64 * MEBIBYTE);

    // A fifth of what is there, and the cap is four times that.
    const limits = { keys: 1_000, valueBytes: MEBIBYTE, totalBytes: 15 * MEBIBYTE };
    const bounded = etcdSource({ ...options, limits });
    const found = 'hold more than 4 times what limits.keys and limits.totalBytes allow';
    await expect(bounded.read(AbortSignal.timeout(30_000))).rejects.toThrow(found);
    await using seen = new SourceRecorder(bounded);
    await seen.until(() => seen.events.some((event) => event.kind === 'state' && event.error !== undefined));
    const told = seen.events.find((event) => event.kind === 'state' && event.error !== undefined);
    expect(told).toMatchObject({ error: { message: expect.stringContaining(found) } });
    expect(seen.snapshots).toEqual([]);

    // It is read as soon as there is less.
    for (const from of [50, 100, 150]) {
      await etcd.deletePrefix(`/services/s${from}/`);
    }
    await seen.until(() => seen.states.includes('live') && seen.tree.size <= 250);
    expect(seen.tree.size).toBe(250);
    await sameAsFreshRead(seen, bounded);
  });
});
