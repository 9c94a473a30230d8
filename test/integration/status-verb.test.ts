import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const keys = (site: Site, text: string) => writeFile(path.join(site.folder, 'services.yaml'), text);

test('pointsman status says on one screen what is served, and names the key, the cause and what to do where something is wrong', async () => {
  await using one = await startBackend('one');
  await using site = await makeSite({ more: { guard: { minimum: 1, share: 0.4 } } });
  await keys(site, `services: { web: { one: "${one.address}" }, shop: { s1: "127.0.0.1:1" } }`);
  const none = await site.run('status');
  expect(none).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('asking the daemon: no daemon runs on'),
  });
  await using daemon = await site.start();
  await daemon.ready();
  const socket = path.join(site.folder, 'state', 'control.sock');
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  await waitFor(async () => (await site.run('status')).code === 0, { what: 'all is well' });
  const well = await site.run('status');
  expect(well.stdout).toMatch(
    /^Serving 2 instances of 2 services\. Last change \d+ s ago, started, in \d+ ms\.\n/,
  );
  expect(well.stdout).not.toMatch(/^!/m);

  await keys(
    site,
    `services: { web: { one: "${one.address}", two: "${one.address}0" }, shop: { s1: nonsense } }`,
  );
  await waitFor(async () => (await site.run('status')).code === 1, { what: 'something is wrong' });
  await waitFor(async () => (await site.run('status')).stdout.includes('! kept'), { what: 'what is kept' });
  const { stdout, code } = await site.run('status');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^! kept +\/services\/shop\/s1 keeps "127\.0\.0\.1:1": /m);
  expect(stdout).toMatch(/^! rejected +\/services\/web\/two: /m);
  expect(stdout).toContain('-> mend or delete the key');
  expect(JSON.parse((await site.run('status', '--json')).stdout)).toMatchObject({
    ready: true,
    kept: [{ key: '/services/shop/s1' }],
  });

  expect((await site.run('pause', '--for', '5m')).code).toBe(0);
  await waitFor(async () =>
    /^! paused +until .* by pointsman pause by uid /m.test((await site.run('status')).stdout),
  );

  daemon.child.kill('SIGSTOP');
  const silent = await site.run('status');
  daemon.child.kill('SIGCONT');
  expect(silent.code).toBe(1);
  expect(silent.stderr).toMatch(/a daemon has .*control\.sock: no answer in 2 s/);
}, 90_000);
