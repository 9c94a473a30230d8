import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { showProc, startBackend, startHaproxy, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('a start where file and HAProxy are right writes, checks and reloads nothing', async () => {
  await using etcd = await startEtcd();
  await using backend = await startBackend('one');
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    haproxy: {
      mode: 'master-socket',
      checkCommand: ['sh', '-c', 'date >> checks; exec haproxy -c -f "$0"', '{config}'],
    },
  });
  await etcd.put('/services/web/one', backend.address);
  {
    await using daemon = await site.start();
    await waitFor(() => daemon.log().some((line) => line.outcome === 'published-waiting'));
  }
  await using haproxy = await startHaproxy({ configPath: site.configPath, masterSocket: site.masterSocket });
  const before = await stat(site.configPath, { bigint: true });
  const checks = await readFile(path.join(site.folder, 'checks'), 'utf8');
  const proc = await showProc(haproxy.masterSocket);
  await using daemon = await site.start();
  await daemon.ready();
  await waitFor(() => daemon.log().some((line) => line.outcome === 'adopted'));
  const after = await stat(site.configPath, { bigint: true });
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  expect(await showProc(haproxy.masterSocket)).toEqual(proc);
  expect(await readFile(path.join(site.folder, 'checks'), 'utf8')).toBe(checks);
});
