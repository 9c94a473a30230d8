import { setTimeout as sleep } from 'node:timers/promises';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { heard } from '../../src/sources/heard.ts';
import { mergeSources } from '../../src/sources/merge-sources.ts';
import { type EtcdMember, startEtcd, type TestEtcd } from '../support/etcd.ts';
import { freePort } from '../support/haproxy.ts';
import { startRelay } from '../support/relay.ts';
import { SourceRecorder } from '../support/source-recorder.ts';
import type { Drill } from './drill.ts';
import { followLive, HEALTHY_LIMIT, healed, seed, WHEN_HEALTHY } from './etcd-rig.ts';

/** What the store itself does: compaction, wipes, much to catch up with. */
export const storeDrills: readonly Drill[] = [
  {
    name: 'etcd: what was missed is compacted away',
    promise: WHEN_HEALTHY,
    async run() {
      await using etcd = await startEtcd();
      await using relay = await startRelay(etcd.port);
      await seed(etcd);
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`] });
      relay.refuse();
      await etcd.deletePrefix('/services/s1/');
      await seed(etcd);
      await compact(etcd);
      relay.accept();
      return await healed(following, { etcd, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  },
  {
    name: 'etcd: the data wiped, and filled again slowly',
    promise: WHEN_HEALTHY,
    run: (form) => wiped(async (empty) => fill(empty, form === 'full' ? 100 : 20, 50)),
  },
  {
    name: 'etcd: the data wiped, and filled again past our revision before we are back',
    promise: WHEN_HEALTHY,
    async run() {
      const member = await alone();
      await using etcd = await startEtcd({ member });
      await using relay = await startRelay(etcd.port);
      await seed(etcd);
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`] });
      relay.refuse();
      await etcd.kill();
      await using empty = await startEtcd({ port: etcd.port, member });
      await fill(empty, 120, 0);
      relay.accept();
      return await healed(following, { etcd: empty, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  },
  {
    name: 'etcd: one of two merged stores goes back in revision',
    promise: 'told of that store alone; the merged tree equals a fresh read',
    run: oneOfTwoGoesBack,
  },
  backlog({
    prefixes: ['/'],
    cuts: [70_000, 70_000, 70_000],
    how: '6,000 revisions cut in the middle, three times, one watch',
    revisions: { short: 4_000, full: 6_000 },
    comes: 'one by one',
  }),
  backlog({
    prefixes: ['/services', '/routes'],
    cuts: [100_000],
    how: '6,000 revisions cut in the middle, several watches',
    revisions: { short: 4_000, full: 6_000 },
    comes: 'by a full read',
  }),
  backlog({
    prefixes: ['/services', '/routes'],
    cuts: [30_000],
    how: '1,200 revisions cut in the middle, several watches',
    revisions: { short: 1_200, full: 1_200 },
    comes: 'one by one',
  }),
  {
    name: 'etcd: answers of far more than 4 MiB',
    promise: WHEN_HEALTHY,
    async run() {
      await using etcd = await startEtcd({ args: ['--max-request-bytes=16777216'] });
      await using relay = await startRelay(etcd.port);
      await large(etcd, { count: 800, bytes: 15_000, prefix: '/services/first' });
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`] });
      // One transaction of 6 MiB while we listen, and 7 MiB of backlog.
      await large(etcd, { count: 100, bytes: 60_000, prefix: '/services/live' });
      await following.seen.until(() => following.seen.tree.size === 900);
      relay.refuse();
      for (let n = 0; n < 5; n++) {
        await large(etcd, { count: 100, bytes: 15_000, prefix: `/services/away${n}` });
      }
      relay.accept();
      const result = await healed(following, { etcd, since: performance.now(), limit: HEALTHY_LIMIT });
      const { snapshots, changes } = following.seen;
      if (snapshots.length !== 1) {
        throw new Error('it was read anew instead of followed');
      }
      const whole = changes.filter((event) => event.changes.length === 100).length;
      if (whole !== 6) {
        throw new Error(`${whole} of 6 transactions came whole`);
      }
      return result;
    },
  },
];

interface Backlog {
  readonly prefixes: readonly string[];
  /** Bytes of each connection. */
  readonly cuts: readonly number[];
  readonly how: string;
  readonly revisions: Readonly<Record<'short' | 'full', number>>;
  readonly comes: 'one by one' | 'by a full read';
}

/**
 * One watch gives out what it has; several hold all until they are in step, and etcd itself takes 0.1 s for each
 * 1,000 revisions of a backlog: where that is much, everything is read instead. In neither anything may be lost.
 */
function backlog({ prefixes, cuts, how, revisions, comes }: Backlog): Drill {
  return {
    name: `etcd: a backlog of ${how}`,
    promise: `${comes}, within 1 s of the last cut; equals a fresh read, nothing twice, nothing left out`,
    async run(form) {
      const count = revisions[form];
      await using etcd = await startEtcd();
      await using relay = await startRelay(etcd.port);
      await seed(etcd);
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`], prefixes });
      const { seen } = following;
      relay.refuse();
      for (let from = 0; from < count; from += 400) {
        const keys = Array.from({ length: 400 }, (_, n) => `/services/s${n % 50}/j${(from + n) % 3_000}`);
        await Promise.all(keys.map((key, n) => etcd.put(key, `10.0.0.1:${from + n}`)));
      }
      // What is deleted while we are away shows in no key of a full read.
      await etcd.deletePrefix('/services/s1/i');
      const parts: number[] = [];
      let last = 0;
      relay.cutAfter(cuts, () => {
        parts.push(seen.changes.length);
        last = performance.now();
      });
      relay.accept();
      const { ms } = await healed(following, { etcd, since: () => last, limit: HEALTHY_LIMIT });
      if (parts.length !== cuts.length) {
        throw new Error(`it was cut ${parts.length} times`);
      }
      const reads = comes === 'one by one' ? 1 : 2;
      if (seen.snapshots.length !== reads) {
        throw new Error(`${seen.snapshots.length} full reads, not ${reads}`);
      }
      // The deletion, and the mark of the end, which may be in a full read already.
      const expected = comes === 'one by one' ? [count + 2] : [0, 1];
      if (!expected.includes(seen.changes.length)) {
        throw new Error(`${seen.changes.length} of ${expected.at(-1)} came`);
      }
      return { ms, seen: `all once, cut after ${parts.join(', ')}` };
    },
  };
}

async function compact(etcd: TestEtcd): Promise<void> {
  const { header } = await etcd.client.kv.range({ key: Buffer.from('/') });
  await etcd.client.kv.compact({ revision: header.revision, physical: true });
}

/** Writes keys one after the other, each after a pause. */
async function fill(etcd: TestEtcd, count: number, pause: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await etcd.put(`/services/again/i${n}`, `10.0.0.2:${n + 1}`);
    if (pause > 0) {
      await sleep(pause);
    }
  }
}

/** The flags of a member that give the same cluster id after a wipe as before. */
async function alone(): Promise<EtcdMember> {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  return { name: 'one', peerUrl, cluster: `one=${peerUrl}` };
}

async function wiped(refill: (empty: TestEtcd) => Promise<void>) {
  const member = await alone();
  await using etcd = await startEtcd({ member });
  await seed(etcd);
  await using following = await followLive({ endpoints: [etcd.endpoint] });
  await etcd.kill();
  await using empty = await startEtcd({ port: etcd.port, member });
  const result = await healed(following, { etcd: empty, since: performance.now(), limit: HEALTHY_LIMIT });
  await refill(empty);
  const { seen } = following;
  await seen.until(() => seen.tree.has('/services/again/i19') && !seen.tree.has('/services/s1/i1'));
  await healed(following, { etcd: empty, since: performance.now(), limit: HEALTHY_LIMIT });
  return result;
}

async function oneOfTwoGoesBack() {
  await using one = await startEtcd();
  await using two = await startEtcd();
  await seed(one);
  for (let n = 0; n < 200; n++) {
    await two.put('/routes/web', String(n));
  }
  const sources = [one, two].map((etcd, index) =>
    heard(etcdSource({ endpoints: [etcd.endpoint], prefixes: ['/services', '/routes'], index }), index),
  );
  const source = mergeSources(sources);
  await using seen = new SourceRecorder(source);
  await seen.until(() => seen.states.length === 2);
  await one.kill();
  await using empty = await startEtcd({ port: one.port });
  await empty.put('/services/new/a', '10.0.0.1:1');
  const since = performance.now();
  await seen.until(() => seen.tree.has('/services/new/a'));
  const ms = performance.now() - since;
  const revisions = seen.events.flatMap((event) =>
    event.kind === 'heard' && event.of.index === 0 && event.what === 'snapshot' ? [event.revision] : [],
  );
  const [first = 0n, second = 0n] = revisions;
  if (revisions.length !== 2 || second >= first) {
    throw new Error(`told of the first store: ${revisions.join(', ')}`);
  }
  const others = seen.events.filter((event) => event.kind === 'heard' && event.of.index === 1);
  if (others.length !== 1) {
    throw new Error('the second store was told of too');
  }
  const keys = (await source.read(AbortSignal.timeout(10_000))).map(({ key }) => key).sort();
  if (String(keys) !== String([...seen.tree.keys()].sort())) {
    throw new Error('believed is not what is there');
  }
  return { ms, seen: `revision ${first} -> ${second}` };
}

async function large(
  etcd: TestEtcd,
  { count, bytes, prefix }: { readonly count: number; readonly bytes: number; readonly prefix: string },
): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const puts = Array.from({ length: 100 }, (_, n) =>
      etcd.client.put(`${prefix}/i${from + n}`).value('x'.repeat(bytes)),
    );
    await etcd.client
      .if('/none', 'Create', '==', 0)
      .then(...puts)
      .commit();
  }
}
