import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyValue } from '../../src/sources/etcd-answers.ts';
import type { EtcdConnection } from '../../src/sources/etcd-client.ts';
import { pages } from '../../src/sources/etcd-pages.ts';
import { PagePatience } from '../../src/sources/etcd-patience.ts';
import { isWithin, type KeyRange, keyRanges } from '../../src/sources/key-ranges.ts';

const [, SERVICES] = keyRanges(['/services']) as [KeyRange, KeyRange];

/** A store that counts what etcd would have to look at: all keys up to the end of each page that is asked for. */
function storeOf(keys: readonly Buffer[]) {
  const kvs = keys
    .map((key): KeyValue => ({ key, value: Buffer.of(), created: 1n, modified: 1n }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  const store = { asked: 0, looked: 0, connection: {} as EtcdConnection };
  store.connection = {
    page: ({ key, range_end, limit }: { key: Buffer; range_end?: Buffer; limit: number }) => {
      const within = kvs.filter((kv) => isWithin({ prefix: '', start: key, end: range_end ?? null }, kv.key));
      store.asked++;
      store.looked += within.length;
      const count = BigInt(within.length);
      return Promise.resolve({
        revision: 1n,
        clusterId: null,
        kvs: within.slice(0, limit),
        more: within.length > limit,
        count,
      });
    },
  } as unknown as EtcdConnection;
  return { store, kvs };
}

async function readAll(connection: EtcdConnection, patience = new PagePatience()): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  const signal = new AbortController().signal;
  for await (const page of pages(connection, { range: SERVICES, revision: 1n }, { patience, signal })) {
    for (const { key } of page) {
      keys.push(key);
    }
  }
  return keys;
}

/** Pages of two keys: what holds for few keys then holds for many. */
function smallPages(): PagePatience {
  const patience = new PagePatience();
  while (patience.keys > 2) {
    patience.stayedAway();
  }
  return patience;
}

describe('pages()', () => {
  test('brings each key once and in order, whatever bytes they have', async () => {
    const byte = fc.constantFrom(0, 1, 0x2f, 0x30, 0x61, 0x62, 0xfe, 0xff);
    const tail = fc.array(byte, { maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const set = fc.uniqueArray(tail, { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(set, async (tails) => {
        const keys = tails.map((one) =>
          Buffer.concat([Buffer.from('/services/'), Buffer.from(one, 'latin1')]),
        );
        const { store, kvs } = storeOf(keys);
        expect(await readAll(store.connection, smallPages())).toEqual(kvs.map(({ key }) => key));
      }),
      { numRuns: 50 },
    );
  });

  test('does not have etcd count all the rest for each page', async () => {
    const keys = Array.from({ length: 20_000 }, (_, at) => Buffer.from(`/services/evil-${at % 40}/i${at}`));
    const { store } = storeOf(keys);
    expect(await readAll(store.connection)).toHaveLength(20_000);
    // With ends that stay: 20 pages that look at 10,000 each, in the mean.
    expect(store.looked).toBeLessThan(120_000);
    expect(store.asked).toBeLessThan(70);
  });

  test('asks for few keys as ever: once', async () => {
    const { store } = storeOf(Array.from({ length: 900 }, (_, at) => Buffer.from(`/services/web/i${at}`)));
    await readAll(store.connection);
    expect(store.asked).toBe(1);
  });
});
