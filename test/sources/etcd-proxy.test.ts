import { describe, expect, test } from 'vitest';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { sameAsFreshRead } from '../support/believed.ts';
import { startEtcd } from '../support/etcd.ts';
import { startEtcdProxy } from '../support/etcd-proxy.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const PREFIXES = ['/services', '/routes', '/haproxy'];

function notices(seen: SourceRecorder): string[] {
  return seen.events.flatMap((event) => (event.kind === 'notice' ? [event.message] : []));
}

describe.each(etcdVersions)('etcd grpc-proxy $name', ({ path: binary }) => {
  test('changes come through it at once, whatever their size; that it answers no questions is said once', async () => {
    await using etcd = await startEtcd({ binary, args: ['--max-request-bytes=16777216'] });
    await using proxy = await startEtcdProxy(binary, etcd.port);
    await etcd.put('/services/web/a', '10.0.0.1:80');
    const watched = etcdSource({ endpoints: [proxy.endpoint], prefixes: PREFIXES, index: 0 });
    await using seen = new SourceRecorder(watched);
    await seen.until(() => seen.states.includes('live'));
    const began = performance.now();
    await etcd.put('/services/web/b', '10.0.0.2:80');
    await seen.until(() => seen.tree.has('/services/web/b'));
    // Once: until it is known that no answer comes.
    expect(performance.now() - began).toBeLessThan(5_000);
    await seen.until(() => notices(seen).length > 0);
    expect(notices(seen)).toEqual([
      expect.stringContaining(`watching etcd: ${proxy.endpoint}: it answers no progress requests`),
    ]);

    const times: number[] = [];
    for (let n = 0; n < 20; n++) {
      const put = performance.now();
      await etcd.put(`${PREFIXES[n % 3]}/k${n}`, 'v');
      await seen.until(() => seen.tree.has(`${PREFIXES[n % 3]}/k${n}`));
      times.push(performance.now() - put);
    }
    // The middle one of them: a busy machine delays some.
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(500);

    const large = Array.from({ length: 100 }, (_, n) =>
      etcd.client.put(`/services/large/i${n}`).value(`${n}`.repeat(40_000).slice(0, 40_000)),
    );
    await etcd.client
      .if('/none', 'Create', '==', 0)
      .then(...large)
      .commit();
    await seen.until(() => seen.changes.some(({ changes }) => changes.length === 100), '100 keys at once');
    await etcd.deletePrefix('/services/large/');
    await seen.until(() => !seen.tree.has('/services/large/i1'));
    await sameAsFreshRead(seen, watched);
    expect(seen.states.filter((state) => state === 'stale')).toEqual([]);
    expect(notices(seen)).toHaveLength(1);
  });

  test('a second reader of the same keys is served too', async () => {
    await using etcd = await startEtcd({ binary });
    await using proxy = await startEtcdProxy(binary, etcd.port);
    const watched = etcdSource({ endpoints: [proxy.endpoint], prefixes: PREFIXES, index: 0 });
    await using one = new SourceRecorder(watched);
    await one.until(() => one.states.includes('live'));
    await etcd.put('/services/web/a', '1');
    await one.until(() => one.tree.size === 1);
    await using two = new SourceRecorder(watched);
    await two.until(() => two.states.includes('live'));
    for (let n = 0; n < 30; n++) {
      await etcd.put(`${PREFIXES[n % 3]}/k${n}`, 'v');
    }
    await one.until(() => one.tree.size === 31);
    await two.until(() => two.tree.size === 31);
    expect([...one.states, ...two.states]).toEqual(['live', 'live']);
    expect(two.snapshots).toHaveLength(1);
  });

  test('a proxy, or an etcd behind it, that freezes or ends is noticed, and what was missed comes', async () => {
    await using etcd = await startEtcd({ binary });
    await using proxy = await startEtcdProxy(binary, etcd.port);
    await etcd.put('/services/web/a', '1');
    const watched = etcdSource({ endpoints: [proxy.endpoint], prefixes: PREFIXES, index: 0 });
    await using seen = new SourceRecorder(watched);
    await seen.until(() => notices(seen).length > 0);
    const faults = [
      { fault: () => proxy.kill('SIGSTOP'), mend: () => proxy.kill('SIGCONT'), etcdLives: true },
      { fault: () => proxy.kill('SIGKILL'), mend: () => proxy.restart(), etcdLives: true },
      { fault: () => etcd.kill('SIGSTOP'), mend: () => etcd.kill('SIGCONT'), etcdLives: false },
    ];
    for (const [n, { fault, mend, etcdLives }] of faults.entries()) {
      await fault();
      await seen.until(() => seen.states.at(-1) === 'stale');
      if (etcdLives) {
        await etcd.put(`/routes/r${n}`, 'v');
      }
      await mend();
      if (!etcdLives) {
        await etcd.put(`/routes/r${n}`, 'v');
      }
      await seen.until(() => seen.states.at(-1) === 'live' && seen.tree.has(`/routes/r${n}`));
    }
    await sameAsFreshRead(seen, watched);
    expect(notices(seen)).toHaveLength(1);
  });
});

test('an etcd that answers progress requests is never taken for one that does not, also right after it was frozen', async () => {
  await using etcd = await startEtcd();
  const watched = etcdSource({ endpoints: [etcd.endpoint], prefixes: PREFIXES, index: 0 });
  await using seen = new SourceRecorder(watched);
  await seen.until(() => seen.states.includes('live'));
  for (let n = 0; n < 3; n++) {
    await etcd.kill('SIGSTOP');
    await seen.until(() => seen.states.at(-1) === 'stale');
    await etcd.kill('SIGCONT');
    await etcd.put(`/services/web/i${n}`, 'v');
    await seen.until(() => seen.states.at(-1) === 'live' && seen.tree.has(`/services/web/i${n}`));
  }
  expect(notices(seen)).toEqual([]);
});
