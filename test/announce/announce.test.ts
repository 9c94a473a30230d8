import { expect, test } from 'vitest';
import { startAnnounce, storedKey, WEB_KEY } from '../support/announce.ts';
import { startEtcd } from '../support/etcd.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

test('announce registers its instance under a lease, and at SIGTERM drains, deletes and ends with 0', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  await using announce = await startAnnounce({ etcd, stateDir: state.path, more: ['--drain', '300ms'] });
  await announce.told('registered');
  const found = await storedKey(etcd, WEB_KEY);
  expect(JSON.parse(found?.text ?? '')).toEqual({
    host: '10.1.2.3',
    port: 8080,
    meta: {
      started: expect.any(String),
      host: expect.any(String),
      owner: expect.stringMatching(/\/web\/i-1$/),
    },
  });
  expect(found?.lease).not.toBe('0');

  announce.child.kill('SIGTERM');
  await waitFor(async () => (await storedKey(etcd, WEB_KEY))?.text.includes('"drain":true'), {
    what: 'drain',
  });
  expect(await announce.ended).toBe(0);
  expect(await storedKey(etcd, WEB_KEY)).toBeNull();
  expect((await etcd.client.leaseClient.leaseLeases()).leases).toEqual([]);
});
