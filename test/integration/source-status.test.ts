import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('/api/status says of each source where it stands, since when, and how old its data is', async () => {
  await using etcd = await startEtcd();
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }, { file: { path: './more.yaml' } }],
    haproxy: { mode: 'none' },
  });
  await writeFile(path.join(site.folder, 'more.yaml'), 'services: { db: { a: "10.0.0.9:1" } }\n');
  await etcd.put('/services/web/a', '10.0.0.1:1');
  await using daemon = await site.start();
  const sources = async () => (await daemon.status()).sources as Record<string, unknown>[];
  const reaches = (state: string) =>
    waitFor(async () => (await sources())[0]?.state === state, { what: state, timeout: 30_000 });
  await reaches('live');
  const [first, second] = await sources();
  expect(first).toMatchObject({ state: 'live', error: null, keys: 1, revision: '2' });
  expect(second).toMatchObject({ state: 'live', error: null, keys: 1 });

  await etcd.kill();
  await reaches('stale');
  await waitFor(async () => Number((await sources())[0]?.stateAgeSeconds) > 0.5);
  const [stale, other] = await sources();
  expect(stale).toMatchObject({ keys: 1, revision: '2', error: expect.stringContaining(etcd.endpoint) });
  expect(Number(stale?.dataAgeSeconds)).toBeGreaterThan(Number(stale?.stateAgeSeconds));
  expect(other).toMatchObject({ state: 'live', error: null });

  await etcd.restart();
  await reaches('live');
  await etcd.put('/services/web/b', '10.0.0.2:1');
  await waitFor(async () => (await sources())[0]?.keys === 2);
  const [again] = await sources();
  expect(again).toMatchObject({ state: 'live', error: null, revision: '3' });
  expect(Number(again?.dataAgeSeconds)).toBeLessThan(Number(stale?.dataAgeSeconds) + 1);
});
