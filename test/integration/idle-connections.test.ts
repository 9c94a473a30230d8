import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { request, startProcess, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('400 idle connections to the status server of a daemon with 256 descriptors hinder neither /readyz nor a change of etcd', async () => {
  await using etcd = await startEtcd();
  await etcd.put('/services/web/a', '127.0.0.1:9001');
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    haproxy: { mode: 'none' },
  });
  const command = 'ulimit -n 256; exec "$0" "$@"';
  await using daemon = await startProcess(
    'sh',
    ['-c', command, process.execPath, site.main, 'run', '--config', site.settingsFile],
    { cwd: site.folder },
  );
  const ready = async () =>
    (await request(`http://127.0.0.1:${site.statusPort}/readyz`).catch(() => null))?.status === 200;
  await waitFor(ready, { what: '/readyz', timeout: 30_000 }).catch((error) => {
    throw new Error(`${error}\n${daemon.output()}`);
  });
  const limits = await readFile(`/proc/${daemon.pid}/limits`, 'utf8');
  expect(limits).toMatch(/^Max open files +256 /m);
  const sockets: Socket[] = [];
  try {
    for (let at = 0; at < 400; at += 1) {
      const socket = connect(site.statusPort, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      socket.resume();
    }
    expect(await ready()).toBe(true);
    await waitFor(() => sockets.filter(({ destroyed }) => !destroyed).length <= 64);
    expect((await readdir(`/proc/${daemon.pid}/fd`)).length).toBeLessThan(150);
    await etcd.put('/services/web/b', '127.0.0.1:9002');
    await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('127.0.0.1:9002'), {
      what: 'the change in the file',
    });
    expect(await ready()).toBe(true);
    expect(daemon.output()).not.toMatch(/EMFILE|stale/);
  } finally {
    for (const socket of sockets) {
      socket.destroy();
    }
  }
});
