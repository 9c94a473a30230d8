import { chmod, chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freePort, request, showProc, startBackend, startHaproxy, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';
import { writeTree } from '../support/replace-file.ts';

const NOBODY = 65_534;

test('a route whose port HAProxy may not open is set aside on this host, without a reload that fails; all else goes on', async () => {
  await using web = await startBackend('web');
  await using site = await makeSite({
    haproxy: { mode: 'master-socket', masterSocket: './run/m.sock', statsSocket: './run/s.sock' },
    vars: { bindAddress: '127.0.0.1' },
    more: { output: { path: './etc/haproxy.cfg', mode: '0644' } },
  });
  await mkdir(path.join(site.folder, 'run'));
  await chmod(site.folder, 0o755);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    await chown(path.join(site.folder, 'run'), NOBODY, NOBODY);
  }
  const services = { web: { a: web.address }, low: { a: web.address.replace('127.0.0.1', '127.0.0.2') } };
  await writeTree(site, { services, routes: {} });
  await using daemon = await site.start();
  await waitFor(() => daemon.log().some(({ outcome }) => outcome === 'published-waiting'), {
    what: 'the file',
    timeout: 30_000,
  });
  const masterSocket = path.join(site.folder, 'run/m.sock');
  await using _haproxy = await startHaproxy({
    ...{ configPath: site.configPath, masterSocket },
    ...(isRoot ? { uid: NOBODY } : {}),
  });
  await daemon.ready();
  // While a master loads nobody answers there, with 2.6.
  const loads = async () => {
    let seen: Awaited<ReturnType<typeof showProc>> | null = null;
    await waitFor(
      async () => {
        seen = await showProc(masterSocket).catch(() => null);
        return seen !== null;
      },
      { what: 'the master', timeout: 20_000 },
    );
    return seen ?? { reloads: Number.NaN };
  };
  const { reloads } = await loads();
  const port = await freePort();
  await writeTree(site, {
    services,
    routes: { low: { hosts: ['low.test'], port: 490 }, web: { hosts: ['web.test'], port } },
  });
  await waitFor(async () => (await request(`http://127.0.0.1:${port}/`).catch(() => null))?.status === 200, {
    what: 'what came beside it',
    timeout: 40_000,
  });
  const { quarantined } = await daemon.status();
  expect(quarantined).toMatchObject([
    {
      keys: ['/routes/low'],
      local: true,
      reason: expect.stringContaining('HAProxy may not listen on ports under'),
    },
  ]);
  // Nothing is tried again while nobody changes what HAProxy may.
  const passes = daemon.log().filter(({ event }) => event === 'quarantine-released');
  expect(passes).toEqual([]);
  expect(await loads()).toMatchObject({ reloads: reloads + 1, failed: 0 });
}, 120_000);
