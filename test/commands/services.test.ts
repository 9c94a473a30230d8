import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { originOf } from '../../src/commands/open.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { believedFiles } from '../../src/state/believed-files.ts';
import { entry } from '../support/catalog.ts';
import { makeSite } from '../support/pointsman.ts';

const TREE = `
services:
  web:
    a: 10.0.0.1:80
    b: { host: "::1", port: 81, weight: 5, tags: [blue] }
    c: { host: 10.0.0.3, port: 80, drain: true }
    bad: "foo bar"
routes:
  web: { hosts: [shop.example.com], paths: [/api] }
  db: { mode: tcp, port: 5432 }
`;

test('services lists services, instances and rejected keys', async () => {
  await using site = await makeSite();
  await writeFile(path.join(site.folder, 'services.yaml'), TREE);
  const { code, stdout } = await site.run('services');
  expect(code).toBe(0);
  expect(stdout).toMatchInlineSnapshot(`
    "db  tcp  port 5432
      no instance

    web  http  hosts shop.example.com  paths /api
      a  10.0.0.1:80
      b  [::1]:81  weight 5 #blue
      c  10.0.0.3:80  drain

    rejected
      /services/web/bad  "foo bar"
        expected host:port, [IPv6]:port or a JSON object; the port is missing; found "foo bar"
    "
  `);
});

test('services --json is the same as data', async () => {
  await using site = await makeSite();
  await writeFile(path.join(site.folder, 'services.yaml'), TREE);
  const { services, rejected } = JSON.parse((await site.run('services', '--json')).stdout);
  expect(services.map((one: { name: string }) => one.name)).toEqual(['db', 'web']);
  expect(services[1].instances[1]).toMatchObject({ id: 'b', address: '[::1]:81', weight: 5, tags: ['blue'] });
  expect(rejected).toMatchObject([{ key: '/services/web/bad' }]);
});

test('services lists unknown fields and UDP ports under what to look at, and check names them', async () => {
  await using site = await makeSite();
  const tree = `services:
  dns:
    h1:dns:53: 10.0.0.1:53
    h1:dns:53:udp: 10.0.0.1:53
    b: { host: 10.0.0.2, port: 53, wieght: 5 }
`;
  await writeFile(path.join(site.folder, 'services.yaml'), tree);
  const { code, stdout } = await site.run('services');
  expect(code).toBe(0);
  expect(stdout.split('\n\n').at(-1)).toMatchInlineSnapshot(`
    "to look at
      service dns: registrator's UDP ports are left out (/services/dns/h1:dns:53:udp): HAProxy balances TCP
      instances of dns: the unknown field "wieght" goes to meta (/services/dns/b); did you mean "weight"?
    "
  `);
  expect(stdout).not.toContain('rejected');
  expect((await site.run('check')).stdout).toMatch(
    /^note +keys +service dns: registrator's UDP ports are left out .*; 1 more, see pointsman services$/m,
  );
});

test('services and check show what is kept of a source, also where what is known of another one is too old', async () => {
  const sources = ['services', 'more'].map((name) => ({ file: { path: `./${name}.yaml` }, optional: true }));
  await using site = await makeSite({ haproxy: { mode: 'none' }, sources });
  const [stateDir, configPath] = [path.join(site.folder, 'state'), site.settingsFile];
  const settings = await loadSettings({ configPath, env: {}, cwd: site.folder, overrides: {} });
  const now = Date.now();
  const ages = [now, now - 2 * settings.cache.maxAge];
  await mkdir(stateDir);
  await believedFiles({ stateDir, origin: originOf(settings) }).saveTree({
    entries: [entry('/services/web/a', '10.0.0.1:80')],
    revisions: [1n, 1n],
    freshAt: Math.min(...ages),
    layers: ages.map((freshAt) => ({ freshAt, refused: new Map() })),
    sinceGood: new Map(),
  });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: foo bar } }\n');
  await writeFile(path.join(site.folder, 'more.yaml'), 'services: { shop: { a: 10.0.0.2:80 } }\n');
  const { stdout } = await site.run('services');
  expect(stdout).toContain('  a  10.0.0.1:80  kept\n');
  expect((await site.run('check')).stdout).toMatch(
    /^note +keys +1 kept in their last good form; pointsman services says why: \/services\/web\/a$/m,
  );
});

test('check names what is wrong, in a line each, and ends with 1', async () => {
  await using site = await makeSite({ haproxy: { mode: 'master-socket', binary: '/nowhere/haproxy' } });
  await writeFile(path.join(site.folder, 'services.yaml'), TREE);
  const { code, stdout } = await site.run('check');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ok +settings +\/.*pointsman\.yaml$/m);
  expect(stdout).toMatch(/^wrong +haproxy +asking \/nowhere\/haproxy for its version: it is not there$/m);
  expect(stdout).toMatch(/^ok +source .*: 6 keys$/m);
  expect(stdout).toMatch(/^note +keys +1 rejected; pointsman services lists them$/m);
  expect(stdout).toMatch(/^note +running +no HAProxy answers yet: /m);
});

test('check says what a first start would wait for, and that free keys which give servers are enough', async () => {
  const more = { template: './own.njk', prefixes: { keys: ['/members'] } };
  await using site = await makeSite({ haproxy: { mode: 'none' }, more });
  const own =
    'defaults\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nlisten be\n  bind 127.0.0.1:1\n{% for one in gets("/members/*") %}\n  server {{ base(one.key) }} {{ one.value }}\n{% endfor %}\n';
  await writeFile(path.join(site.folder, 'own.njk'), own);
  await writeFile(site.configPath, 'backend old\n  server a 127.0.0.1:1\n');
  const keys = (text: string) => writeFile(path.join(site.folder, 'services.yaml'), text);
  await keys('pointsman: 1\n');
  expect((await site.run('check')).stdout).toMatch(/^note +start +the sources have no instance/m);
  expect(await site.run('render')).toMatchObject({ code: 1, stderr: expect.stringContaining('no instance') });
  await keys('members:\n  a: 127.0.0.1:8001\n');
  expect((await site.run('check')).stdout).not.toMatch(/^note +start/m);
  expect((await site.run('render')).code).toBe(0);
  expect(await readFile(site.configPath, 'utf8')).toContain('server a 127.0.0.1:8001');
});
