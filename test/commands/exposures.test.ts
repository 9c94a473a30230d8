import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { exposures, refuseOpenFolders } from '../../src/commands/exposures.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { makeAuthority, makeCertificates, makeClient } from '../support/certificates.ts';
import { request, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site, type SiteOptions } from '../support/pointsman.ts';

const isRoot = process.geteuid?.() === 0;

async function siteOf(options: SiteOptions = {}): Promise<Site> {
  const site = await makeSite({ haproxy: { mode: 'none' }, ...options });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: 10.0.0.1:80 } }\n');
  return site;
}

function settingsOf(site: Site, overrides: Record<string, string> = {}) {
  return loadSettings({ configPath: site.settingsFile, env: {}, cwd: site.folder, overrides });
}

/** What is told of a site, without what to do about it. */
async function found(site: Site, overrides: Record<string, string> = {}): Promise<readonly string[]> {
  return (await exposures(await settingsOf(site, overrides))).map((one) => one.found);
}

test('check notes what is open to others, and run says each of it once', async () => {
  const etcd = { endpoints: ['http://127.0.0.1:1'], username: 'reader', passwordFile: './password' };
  await using site = await siteOf({ sources: [{ file: { path: './services.yaml' } }, { etcd }] });
  await chmod(site.folder, 0o755);
  await writeFile(path.join(site.folder, 'password'), 'word\n', { mode: 0o644 });
  await chmod(path.dirname(site.configPath), 0o1777);
  const flags = ['--set', `status.listen=0.0.0.0:${site.statusPort}`];
  const wanted = await found(site, { 'status.listen': `0.0.0.0:${site.statusPort}` });
  expect(wanted).toHaveLength(4);
  const { stdout } = await site.run('check', ...flags, '--timeout', '3s');
  await using daemon = await site.start({ flags });
  const said = () => daemon.log().flatMap(({ event, msg }) => (event === 'notice' ? [String(msg)] : []));
  const notes = stdout.split('\n').filter((line) => line.startsWith('note '));
  expect(notes.map((line) => line.replace(/^note +(?:status|source|output) +/, ''))).toEqual(
    expect.arrayContaining([...wanted]),
  );
  for (const one of wanted) {
    await waitFor(() => said().some((line) => line.includes(one)), { what: one });
  }
  for (const one of wanted) {
    expect(said().filter((line) => line.includes(one))).toHaveLength(1);
  }
});

test('where all is closed there is nothing to tell', async () => {
  await using site = await siteOf();
  await mkdir(path.join(site.folder, 'state'), { mode: 0o750 });
  expect(await found(site)).toEqual([]);
});

test('a status server is told that other machines reach', async () => {
  await using site = await siteOf();
  for (const host of ['0.0.0.0', '[::]', '10.0.0.1', 'node1.example.com']) {
    expect(await found(site, { 'status.listen': `${host}:9290` })).toEqual([
      `status.listen is ${host.replace(/[[\]]/g, '')}:9290: other machines reach it, and it asks nobody who he is`,
    ]);
  }
  for (const host of ['127.0.0.2', '[::1]', 'localhost']) {
    expect(await found(site, { 'status.listen': `${host}:9290` })).toEqual([]);
  }
});

test('a password that goes out in clear, and files with secrets that everybody may read', async () => {
  const clear = 'http://127.0.0.1:1';
  const etcd = { username: 'reader', passwordFile: './secret/password' };
  await using site = await siteOf({
    sources: [
      { file: { path: './services.yaml' } },
      { etcd: { ...etcd, endpoints: [clear, 'http://127.0.0.2:1'] } },
      {
        etcd: {
          ...etcd,
          endpoints: ['https://127.0.0.1:1'],
          tls: { cert: './c.pem', key: './secret/key.pem' },
        },
      },
      { etcd: { endpoints: [clear] } },
    ],
  });
  const folder = path.join(site.folder, 'secret');
  await mkdir(folder);
  for (const name of ['password', 'key.pem']) {
    await writeFile(path.join(folder, name), 'word\n', { mode: 0o644 });
  }
  const told = async () => (await found(site)).filter((one) => !one.includes('tls.cert'));
  const goesOut =
    'sources.1: the password of reader goes to http://127.0.0.1:1, http://127.0.0.2:1 for everybody on the way to read';
  // A folder that nobody else enters keeps everybody from the file.
  expect(await told()).toEqual([goesOut]);
  await chmod(site.folder, 0o755);
  expect(await told()).toEqual([
    goesOut,
    `sources.1: everybody on this machine may read ${folder}/password`,
    `sources.2: everybody on this machine may read ${folder}/password`,
    `sources.2: everybody on this machine may read ${folder}/key.pem`,
  ]);
  await chmod(path.join(folder, 'password'), 0o640);
  await chmod(path.join(folder, 'key.pem'), 0o600);
  expect(await told()).toEqual([goesOut]);
});

test('folders that others may write to are told, each once', async () => {
  await using site = await siteOf({ haproxy: { mode: 'managed' } });
  const [output, state] = [path.dirname(site.configPath), path.join(site.folder, 'state')];
  const servers = path.join(site.folder, 'servers');
  await mkdir(path.join(state, 'hand-edits'), { recursive: true });
  await mkdir(servers);
  for (const folder of [output, path.join(state, 'hand-edits'), servers]) {
    await chmod(folder, 0o1777);
  }
  expect(await found(site, { 'haproxy.serverState': path.join(servers, 'file') })).toEqual([
    `everybody may write to ${output} (mode 1777)`,
    `everybody may write to ${state}/hand-edits (mode 1777)`,
    `everybody may write to ${servers} (mode 1777)`,
  ]);
  const sockets = path.join(site.folder, 'sockets');
  await mkdir(sockets);
  await chmod(sockets, 0o777);
  const places = { masterSocket: path.join(sockets, 'm.sock'), statsSocket: path.join(sockets, 's.sock') };
  expect(
    await found(site, {
      'haproxy.masterSocket': places.masterSocket,
      'haproxy.statsSocket': places.statsSocket,
      template: path.join(servers, 'own.njk'),
    }),
  ).toEqual([
    `everybody may write to ${output} (mode 1777)`,
    `everybody may write to ${state}/hand-edits (mode 1777)`,
    `everybody may replace what is in ${sockets} (mode 777)`,
    `everybody may write to ${servers} (mode 1777)`,
  ]);
  if (isRoot) {
    await chown(sockets, 4321, 4321);
    await chmod(sockets, 0o770);
    expect(await found(site, { 'haproxy.masterSocket': places.masterSocket })).toHaveLength(2);
    await chown(state, 4321, 0);
    expect(await found(site)).toContainEqual(
      expect.stringMatching(/^uid 4321, its owner, may write to .*\/state \(mode/),
    );
  }
});

test('a folder whose files everybody may replace is refused by run and render, and wrong for check', async () => {
  await using site = await siteOf();
  for (const name of ['etc', 'state', 'state/versions', 'state/hand-edits', '.']) {
    const folder = path.join(site.folder, name);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await expect(refuseOpenFolders(await settingsOf(site))).rejects.toMatchObject({
      code: 'system',
      message: expect.stringMatching(/^writing to \S+: everybody may replace what is in \S+ \(mode 777\)$/),
      hint: expect.stringContaining(`chmod o-w ${folder}`),
    });
    await chmod(folder, 0o755);
    await refuseOpenFolders(await settingsOf(site));
  }
  const state = path.join(site.folder, 'state');
  await chmod(state, 0o777);
  const why = `writing to ${state}: everybody may replace what is in ${state} (mode 777)`;
  const [run, render, check, dry] = await Promise.all([
    site.run('run'),
    site.run('render'),
    site.run('check'),
    // What writes nothing is none of its business.
    site.run('render', '--dry-run'),
  ]);
  expect([run.code, run.stderr]).toEqual([1, expect.stringContaining(why)]);
  expect([render.code, render.stderr]).toEqual([1, expect.stringContaining(why)]);
  expect([check.code, check.stdout]).toEqual([1, expect.stringMatching(/^wrong +output +writing to /m)]);
  expect(check.stdout).toContain(why);
  expect(dry.code).toBe(0);
});

test('certificates are told within 14 days of their end, and their ends are metrics that follow the files', async () => {
  await using site = await siteOf({
    sources: [
      { file: { path: './services.yaml' } },
      {
        etcd: {
          endpoints: ['https://127.0.0.1:1'],
          tls: { ca: './ca.pem', cert: './client.pem', key: './client-key.pem' },
        },
      },
    ],
  });
  await makeCertificates(site.folder);
  expect(await found(site)).toEqual([
    expect.stringMatching(/^sources\.1: tls\.ca \(\S+ca\.pem\) ends in 1 day, at 20\S+Z$/),
    expect.stringMatching(/^sources\.1: tls\.cert \(\S+client\.pem\) ends in 1 day, at 20\S+Z$/),
  ]);
  await makeClient(site.folder, 'client', 15);
  expect(await found(site)).toEqual([expect.stringContaining('tls.ca')]);
  await using daemon = await site.start();
  const ends = async () => {
    const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
    const series =
      /^pointsman_source_certificate_ends_seconds\{source="1",name="[^"]+",setting="([^"]+)"\} (\d+)$/gm;
    return Object.fromEntries(
      [...body.matchAll(series)].map(([, setting, at]) => [setting, Number(at) - Date.now() / 1000]),
    );
  };
  const days = (count: number) => expect.closeTo(count * 86_400, -3);
  expect(await ends()).toEqual({ 'tls.ca': days(2), 'tls.cert': days(15) });
  await makeAuthority(site.folder, 'ca', 30);
  await writeFile(path.join(site.folder, 'client.pem'), 'half a certificate');
  const never = expect.closeTo(-Date.now() / 1000, -3);
  expect(await ends()).toEqual({ 'tls.ca': days(30), 'tls.cert': never });
  expect(await found(site)).toEqual([
    expect.stringMatching(/tls\.cert \(\S+client\.pem\) cannot be read as a certificate$/),
  ]);
  expect(daemon.output()).toContain('ends in 1 day');
});
