import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const PATIENT = { timeout: 30_000 };

const keys = (site: Site, services: object) =>
  writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));

test('check says whether a daemon is there and who has the lock, and is red while no change goes out', async () => {
  const reloadCommand = ['sh', 'reload.sh'];
  await using site = await makeSite({ haproxy: { mode: 'command', statsSocket: '', reloadCommand } });
  const reload = path.join(site.folder, 'reload.sh');
  await writeFile(reload, 'exit 0\n');
  await keys(site, { web: { one: '127.0.0.1:1' } });
  const before = await site.run('check');
  expect(before.code).toBe(0);
  expect(before.stdout).toMatch(/^note +daemon +none runs on \S+\/state: nothing follows the sources$/m);
  expect(before.stdout).toMatch(/^ok +lock +\S+\/state\/lock is free$/m);

  await using daemon = await site.start();
  await daemon.ready();
  const pid = daemon.child.pid;
  const well = await site.run('check');
  expect(well.code).toBe(0);
  expect(well.stdout).toMatch(
    new RegExp(
      `^ok +daemon +pid ${pid}, pointsman \\S+, since \\S+Z: serves 1 instances of 1 services$`,
      'm',
    ),
  );
  expect(well.stdout).toMatch(/^ok +changes +they go out: the last pass ended as \w+ \d+ s ago$/m);
  expect(well.stdout).toMatch(/^ok +source +the daemon has 1 keys of file \S+: live for \d+ s$/m);
  expect(well.stdout).toMatch(
    new RegExp(`^ok +lock +\\S+/state/lock is held by run, pid ${pid}, since `, 'm'),
  );
  expect(well.stdout).toMatch(/^ok +status +Pointsman runs, and answers on /m);

  // Nothing that check itself looks at is wrong.
  await writeFile(reload, 'echo "the reload says no"\nexit 1\n');
  await keys(site, { web: { one: '127.0.0.1:2' } });
  await waitFor(async () => (await site.run('check')).code === 1, PATIENT);
  const red = await site.run('check');
  expect(red.stdout.match(/^wrong.*$/gm)).toEqual([
    expect.stringMatching(
      /^wrong +changes +they do not go out: failed \d+ s ago: .*the reload says no.*services\/web\/one/,
    ),
  ]);
  await writeFile(reload, 'exit 0\n');
  await keys(site, { web: { one: '127.0.0.1:3' } });
  await waitFor(async () => (await site.run('check')).code === 0, PATIENT);
}, 150_000);

test('while the daemon waits for its sources check says for what, and services asks them itself', async () => {
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: ['http://127.0.0.1:1'] } }],
    more: { cache: { wait: '60s' } },
  });
  await using _daemon = await site.start();
  const check = await site.run('check');
  expect(check.stdout).toMatch(
    /^(?:note|wrong) +daemon +pid \d+, .*: it waits: nothing is applied yet: .*127\.0\.0\.1:1/m,
  );
  expect(check.stdout).toMatch(/^note +source +the daemon has etcd \S+ connecting for .*refused$/m);
  expect(check.stdout).not.toMatch(/^ok +changes/m);
  const services = await site.run('services');
  expect(services).toMatchObject({ code: 1, stdout: '' });
  expect(services.stderr).toMatch(
    /it serves nothing yet: no source has given its keys yet; the sources are read anew\n/,
  );
  expect(services.stderr).toContain('connection refused');
}, 60_000);
