import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { visible } from '../../src/model/visible.ts';
import type { EtcdSourceOptions } from '../../src/sources/etcd-options.ts';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { sameAsFreshRead } from '../support/believed.ts';
import { startEtcd as start, type TestEtcd } from '../support/etcd.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const PREFIXES = ['/services', '/routes', '/haproxy'];

function source(etcd: TestEtcd, options: Partial<EtcdSourceOptions> = {}) {
  return etcdSource({ endpoints: [etcd.endpoint], prefixes: PREFIXES, index: 0, ...options });
}

function signal() {
  return AbortSignal.timeout(30_000);
}

/** Fills etcd with `count` keys by transactions of 100 (etcd's limit is 128). */
async function fill(etcd: TestEtcd, count: number, value: (n: number) => string) {
  for (let from = 0; from < count; from += 2_000) {
    const transactions: Promise<unknown>[] = [];
    for (let first = from; first < Math.min(count, from + 2_000); first += 100) {
      const puts = Array.from({ length: Math.min(100, count - first) }, (_, n) =>
        etcd.client.put(`/services/s${(first + n) % 500}/i${first + n}`).value(value(first + n)),
      );
      transactions.push(
        etcd.client
          .if('/none', 'Create', '==', 0)
          .then(...puts)
          .commit(),
      );
    }
    await Promise.all(transactions);
  }
}

describe.each(etcdVersions)('etcd $name', ({ path: binary }) => {
  const startEtcd = (options: Parameters<typeof start>[0] = {}) => start({ binary, ...options });

  test('a snapshot comes first, then puts and deletes with their revisions', async () => {
    await using etcd = await startEtcd();
    await etcd.put('/services/web/a', '10.0.0.1:80');
    await using seen = new SourceRecorder(source(etcd, { index: 3 }));
    await seen.until(() => seen.states.includes('live'));
    expect(seen.events.map(({ kind }) => kind)).toEqual(['snapshot', 'state']);
    const first = seen.tree.get('/services/web/a');
    expect(first).toMatchObject({ value: '10.0.0.1:80', source: 3 });

    await etcd.put('/services/web/a', '10.0.0.2:80');
    await seen.until(() => seen.changes.length === 1);
    const second = seen.tree.get('/services/web/a');
    expect(second?.created).toBe(first?.created);
    expect(second?.modified).toBe((first?.modified ?? 0n) + 1n);

    await etcd.delete('/services/web/a');
    await seen.until(() => seen.changes.length === 2);
    expect(seen.changes[1]?.changes).toEqual([{ kind: 'delete', key: '/services/web/a' }]);
    expect(seen.changes[1]?.revision).toBe((second?.modified ?? 0n) + 1n);
    expect(seen.tree.size).toBe(0);
  });

  test('a transaction over several prefixes is one change, and transactions keep their order', async () => {
    await using etcd = await startEtcd();
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    await etcd.put('/routes/old', '{}');
    for (let n = 0; n < 100; n++) {
      await etcd.client
        .if('/none', 'Create', '==', 0)
        .then(
          etcd.client.put('/services/web/a').value(`10.0.0.1:${n + 1}`),
          etcd.client.put('/routes/web').value(`{"port":${n + 1}}`),
          etcd.client.put('/haproxy/maxconn').value(String(n + 1)),
          etcd.client.put('/other').value('not watched'),
        )
        .commit();
    }
    await etcd.client
      .if('/none', 'Create', '==', 0)
      .then(etcd.client.delete().key('/routes/old'), etcd.client.delete().prefix('/services/'))
      .commit();
    await seen.until(() => !seen.tree.has('/services/web/a') && seen.changes.length > 100);
    expect(seen.changes.map(({ changes }) => changes.length)).toEqual([1, ...Array(100).fill(3), 2]);
    const revisions = seen.changes.map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });

  test('a prefix covers itself and what is below, by segment', async () => {
    await using etcd = await startEtcd();
    const keys = [
      '/key',
      '/key/x',
      '/key/x/y',
      '/keys',
      '/key-1',
      '/key.1',
      '/ke',
      '/other/deep/a',
      '/other/b',
    ];
    for (const key of keys.slice(0, 5)) {
      await etcd.put(key, 'v');
    }
    const watched = source(etcd, { prefixes: ['/key/', '/other/deep', '/other'] });
    await using seen = new SourceRecorder(watched);
    await seen.until(() => seen.states.includes('live'));
    for (const key of keys.slice(5)) {
      await etcd.put(key, 'v');
    }
    await seen.until(() => seen.tree.has('/other/b'));
    const expected = ['/key', '/key/x', '/key/x/y', '/other/b', '/other/deep/a'];
    expect([...seen.tree.keys()].sort()).toEqual(expected);
    const read = await watched.read(signal());
    expect(read.map(({ key }) => key).sort()).toEqual(expected);
  });

  test('after a kill and a restart nothing is lost and nothing comes twice', async () => {
    await using etcd = await startEtcd();
    await fill(etcd, 300, (n) => `10.0.0.1:${n + 1}`);
    const watched = source(etcd);
    await using seen = new SourceRecorder(watched);
    await seen.until(() => seen.states.includes('live'));
    await etcd.kill();
    await seen.until(() => seen.states.at(-1) === 'stale');

    // A port that the source does not know: so the writes happen while it is away.
    await using other = await startEtcd({ dataDir: etcd.dataDir });
    await other.deletePrefix('/services/s1/');
    for (let n = 0; n < 50; n++) {
      await other.put(`/routes/r${n}`, '{}');
    }
    await other.client
      .if('/none', 'Create', '==', 0)
      .then(
        other.client.put('/services/web/a').value('1.1.1.1:1'),
        other.client.put('/routes/web').value('{}'),
      )
      .commit();
    await other.kill();
    await etcd.restart();
    await seen.until(() => seen.tree.has('/services/web/a') && seen.states.at(-1) === 'live');

    expect(seen.snapshots).toHaveLength(1);
    expect(seen.changes).toHaveLength(52);
    expect(seen.changes.at(-1)?.changes).toHaveLength(2);
    const fresh = await watched.read(signal());
    expect([...seen.tree.values()].sort(byKey)).toEqual([...fresh].sort(byKey));
    const told = seen.states.slice(1, -1);
    expect([...new Set(told)]).toEqual(['stale']);
    expect(told.length).toBeLessThanOrEqual(2);
  });

  test('5,000 quick puts all arrive, once each', async () => {
    await using etcd = await startEtcd();
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    for (let from = 0; from < 5_000; from += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, n) => etcd.put(`${PREFIXES[n % 3]}/k${from + n}`, String(n))),
      );
    }
    await seen.until(() => seen.tree.size === 5_000, '5,000 keys');
    expect(seen.changes).toHaveLength(5_000);
    expect(seen.snapshots).toHaveLength(1);
  });

  test('a compaction while away leads to a new snapshot', async () => {
    await using etcd = await startEtcd();
    await etcd.put('/services/web/a', '1');
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    await etcd.kill();
    await using other = await startEtcd({ dataDir: etcd.dataDir });
    await other.put('/services/web/b', '2');
    await other.delete('/services/web/a');
    const { header } = await other.client.kv.range({ key: Buffer.from('/') });
    await other.client.kv.compact({ revision: header.revision, physical: true });
    await other.kill();
    await etcd.restart();
    await seen.until(() => seen.snapshots.length === 2);
    expect(seen.values).toEqual({ '/services/web/b': '2' });
    await etcd.put('/services/web/c', '3');
    await seen.until(() => seen.tree.has('/services/web/c'));
  });

  test('a store that was wiped is noticed by its revision', async () => {
    await using etcd = await startEtcd();
    for (let n = 0; n < 20; n++) {
      await etcd.put('/services/web/a', String(n));
    }
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    await etcd.kill();
    await using empty = await startEtcd({ port: etcd.port });
    await empty.put('/services/web/new', '1');
    await seen.until(() => seen.snapshots.length === 2 && seen.tree.has('/services/web/new'));
    expect(seen.values).toEqual({ '/services/web/new': '1' });
    expect(seen.snapshots[1]?.revision).toBeLessThan(seen.snapshots[0]?.revision ?? 0n);
  });

  test('50,000 keys, far more than one message may hold, load at one revision', async () => {
    await using etcd = await startEtcd({ args: ['--quota-backend-bytes=1073741824'] });
    const padding = 'x'.repeat(150);
    await fill(
      etcd,
      50_000,
      (n) => `{"host":"10.0.0.1","port":${(n % 60_000) + 1},"meta":{"p":"${padding}"}}`,
    );
    const began = performance.now();
    const read = await source(etcd).read(signal());
    console.log(`50,000 keys of 200 bytes: read in ${Math.round(performance.now() - began)} ms`);
    expect(read).toHaveLength(50_000);
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    expect(seen.tree.size).toBe(50_000);
    await etcd.put('/services/web/a', '1');
    await seen.until(() => seen.tree.has('/services/web/a'));
  });

  test('a full read from time to time brings what a stream could not show', async () => {
    await using etcd = await startEtcd();
    await etcd.put('/services/web/a', '1');
    await using seen = new SourceRecorder(source(etcd, { rereadEvery: 50 }));
    let n = 0;
    while (seen.snapshots.length < 4) {
      await etcd.put(`/services/web/k${n++}`, 'v');
    }
    await seen.until(() => seen.tree.has(`/services/web/k${n - 1}`));
    expect(seen.tree.size).toBe(n + 1);
    const sizes = seen.snapshots.map(({ entries }) => entries.length);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    await sameAsFreshRead(seen, source(etcd));
  });

  test('bytes that are no UTF-8 are refused by their key, each key by itself, and never changed in silence', async () => {
    await using etcd = await startEtcd();
    const put = (key: string, value: string) =>
      etcd.client.put(Buffer.from(key, 'latin1')).value(Buffer.from(value, 'latin1'));
    await put('/routes/\xff', 'a');
    await put('/routes/\xfe\xff', 'b');
    await put('/services/web/a', '10.0.0.1:\xff80');
    await put('/services/web/b', `${'x'.repeat(1_000)}\xc3`);
    await etcd.put('/services/web/c', 'é \ufffd 😀');
    const watched = source(etcd);
    const told = (entries: Iterable<Entry>) =>
      [...entries].map(({ key, value, refused }) => [visible(key), value, refused]);
    const expected = [
      ['/routes/\\xfe\\xff', 'b', 'the key is no UTF-8: it has the byte \\xfe at place 8'],
      ['/routes/\\xff', 'a', 'the key is no UTF-8: it has the byte \\xff at place 8'],
      ['/services/web/a', '10.0.0.1:\\xff80', 'the value is no UTF-8: it has the byte \\xff at place 9'],
      ['/services/web/b', `${'x'.repeat(79)}…`, 'the value is no UTF-8: it has the byte \\xc3 at place 1000'],
      ['/services/web/c', 'é \ufffd 😀', undefined],
    ];
    expect(told(await watched.read(signal())).sort()).toEqual(expected);

    await using seen = new SourceRecorder(watched);
    await seen.until(() => seen.states.includes('live'));
    expect(told(seen.tree.values()).sort()).toEqual(expected);
    await etcd.client.delete().key(Buffer.from('/routes/\xff', 'latin1'));
    await put('/services/web/d', '\xc0\xaf');
    await seen.until(() => seen.tree.has('/services/web/d'));
    expect([...seen.tree.keys()].map(visible).sort()).toEqual([
      '/routes/\\xfe\\xff',
      ...['a', 'b', 'c', 'd'].map((id) => `/services/web/${id}`),
    ]);
    expect(seen.tree.get('/services/web/d')?.refused).toContain('it has the byte \\xc0 at place 0');
    expect(seen.snapshots).toHaveLength(1);
  });

  test('an abort ends the watch at once, connected or not', async () => {
    await using etcd = await startEtcd();
    const live = new SourceRecorder(source(etcd));
    await live.until(() => live.states.includes('live'));
    const away = new SourceRecorder(source(etcd, { endpoints: ['http://127.0.0.1:1'] }));
    await away.until(() => away.states.includes('connecting'));
    for (const recorder of [live, away]) {
      const began = performance.now();
      await recorder.stop();
      expect(performance.now() - began).toBeLessThan(1_000);
    }
  });

  test('a frozen member is left for another one', async () => {
    await using etcd = await startEtcd();
    await using seen = new SourceRecorder(source(etcd));
    await seen.until(() => seen.states.includes('live'));
    await etcd.kill('SIGSTOP');
    await seen.until(() => seen.states.at(-1) === 'stale');
    await etcd.kill('SIGCONT');
    await etcd.put('/services/web/a', '1');
    await seen.until(() => seen.tree.has('/services/web/a') && seen.states.at(-1) === 'live');
  });
});

function byKey(a: { key: string }, b: { key: string }) {
  return a.key < b.key ? -1 : 1;
}
