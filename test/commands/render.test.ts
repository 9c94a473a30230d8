import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { startEtcd } from '../support/etcd.ts';
import { request, showProc, startBackend, startHaproxy, waitFor } from '../support/haproxy.ts';
import { makeSite, runToEnd, type Site } from '../support/pointsman.ts';

const TREE = 'services:\n  web:\n    a: 127.0.0.1:8001\n    bad: foo bar\n';
const tree = (site: Site, text = TREE) => writeFile(path.join(site.folder, 'services.yaml'), text);
const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

describe('render --dry-run', () => {
  test('prints the text, tells rejected keys on stderr, touches nothing and ends with 0', async () => {
    await using site = await makeSite();
    await tree(site);
    const { code, stdout, stderr } = await site.run('render', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toContain('server a 127.0.0.1:8001 check');
    expect(stdout).not.toContain('pointsman_mark');
    expect(stderr).toMatch(/^rejected \/services\/web\/bad "foo bar": .*the port is missing.*\n$/);
    expect(await exists(site.configPath)).toBe(false);
    expect(await exists(path.join(site.folder, 'state'))).toBe(false);
  });

  test('--diff and --exit-code compare with what is installed, without the mark', async () => {
    await using site = await makeSite({ haproxy: { mode: 'none' } });
    await tree(site);
    expect((await site.run('render', '--dry-run', '--exit-code')).code).toBe(4);
    expect((await site.run('render')).code).toBe(0);
    expect(await site.run('render', '--dry-run', '--diff', '--exit-code')).toMatchObject({
      code: 0,
      stdout: '',
    });
    await tree(site, TREE.replace('8001', '8002'));
    const { code, stdout } = await site.run('render', '--dry-run', '--diff', '--exit-code');
    expect(code).toBe(4);
    expect(stdout).toContain(`--- ${site.configPath}`);
    expect(stdout).toMatch(/^- {2}server a 127\.0\.0\.1:8001 check$/m);
    expect(stdout).toMatch(/^\+ {2}server a 127\.0\.0\.1:8002 check$/m);
  });

  test('keeps the last good form of a value that is refused, as render itself does, and says so', async () => {
    await using site = await makeSite({ haproxy: { mode: 'none' } });
    await tree(site);
    expect((await site.run('render')).code).toBe(0);
    await tree(site, TREE.replace('a: 127.0.0.1:8001', 'a: nonsense'));
    const said = 'kept /services/web/a "127.0.0.1:8001": ';
    const dry = await site.run('render', '--dry-run');
    expect(dry.stdout).toContain('server a 127.0.0.1:8001 check');
    expect(dry.stderr).toContain(said);
    for (const verb of ['once', 'again']) {
      const { code, stderr } = await site.run('render');
      expect([verb, code]).toEqual([verb, 0]);
      expect(stderr).toContain(said);
      expect(await readFile(site.configPath, 'utf8')).toContain('server a 127.0.0.1:8001 check');
    }
    await tree(site, TREE.replace('8001', '8002'));
    expect((await site.run('render')).stderr).not.toContain('kept');
    expect(await readFile(site.configPath, 'utf8')).toContain('server a 127.0.0.1:8002 check');
  });

  test('--validate and check judge a text as it is published: one without a last line break passes', async () => {
    await using site = await makeSite({ more: { template: './own.njk' } });
    await tree(site);
    const text = `global\n  stats socket "${site.statsSocket}" level admin\ndefaults\n  mode http\n  timeout connect 1s\nfrontend f\n  timeout client 1s\n  bind 127.0.0.1:1`;
    await writeFile(path.join(site.folder, 'own.njk'), text);
    expect(await site.run('render', '--dry-run', '--validate')).toMatchObject({ code: 0, stdout: text });
    const { stdout } = await site.run('check');
    expect(stdout).toMatch(/^ok {5}verdict/m);
    expect(stdout).not.toContain('haproxy.statsSocket');
    // In mode none it is published without a mark, and HAProxy would refuse it.
    expect(
      (await site.run('render', '--dry-run', '--validate', '--set', 'haproxy.mode=none')).stderr,
    ).toContain('Missing LF');
  });

  test('check names a template that opens another stats socket than the setting says', async () => {
    await using site = await makeSite({ more: { template: './own.njk' } });
    await tree(site);
    await writeFile(path.join(site.folder, 'own.njk'), 'global\n  stats socket /nowhere/other.sock\n');
    expect((await site.run('check')).stdout).toContain(
      `note   template   the configuration opens the stats socket /nowhere/other.sock, and haproxy.statsSocket is ${site.statsSocket}`,
    );
  });

  test('--validate asks haproxy -c, and ends with 3 and the named lines where it refuses', async () => {
    await using site = await makeSite({ more: { template: './own.njk' } });
    await tree(site);
    const template = path.join(site.folder, 'own.njk');
    await writeFile(template, 'defaults\n  mode http\n  timeuot connect 1s\n');
    const { code, stderr } = await site.run('render', '--dry-run', '--validate');
    expect(code).toBe(3);
    expect(stderr).toContain(`${site.configPath}:3`);
    expect(stderr).toContain('3 |   timeuot connect 1s');
    await writeFile(
      template,
      'defaults\n  mode http\n  timeout connect 1s\nfrontend f\n  timeout client 1s\n  bind 127.0.0.1:1\n',
    );
    expect((await site.run('render', '--dry-run', '--validate')).code).toBe(0);
  });

  test('gives the same bytes from a dump, with neither etcd nor HAProxy', async () => {
    await using etcd = await startEtcd();
    await using site = await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      vars: { domain: 'example.com' },
    });
    // The younger registration takes the address: only the revisions can tell.
    await etcd.put('/services/zz/old', '10.0.0.1:80');
    await etcd.put('/services/aa/new', '10.0.0.1:80');
    await etcd.put('/routes/zz', '{"hosts":["shop.example.com"]}');
    await etcd.put('/routes/aa', '{"hosts":["shop.example.com"]}');
    const there = await site.run('render', '--dry-run');
    const dump = await site.run('dump');
    expect(dump.code).toBe(0);
    await writeFile(path.join(site.folder, 'tree.yaml'), dump.stdout);
    const without = ['--set', 'haproxy.binary=/nowhere/haproxy', '--set', 'vars.domain=example.com'];
    const main = path.resolve(import.meta.dirname, '../../src/main.ts');
    const bind = [
      '--set',
      `vars.bind=127.0.0.1:${site.httpPort}`,
      '--set',
      `haproxy.statsSocket=${site.statsSocket}`,
      '--set',
      `output.path=${site.configPath}`,
    ];
    const from = ['render', '--dry-run', ...without, ...bind, '--from', 'tree.yaml'];
    const here = await runToEnd([main, ...from], site.folder);
    expect(here).toMatchObject({ code: 0, stdout: there.stdout });
    const piped = await runToEnd([main, ...from.slice(0, -1), '-'], site.folder, dump.stdout);
    expect(piped.stdout).toBe(there.stdout);
    expect(there.stdout).toContain('server new 10.0.0.1:80');
    expect(there.stdout).not.toContain('server old');
    expect(there.stdout).toContain('use_backend be_zz if { var(txn.host) -m str -- shop.example.com }');
  });
});

describe('render', () => {
  test('publishes, reloads and verifies once, and does nothing the second time', async () => {
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await makeSite({
      haproxy: { mode: 'master-socket' },
      vars: { defaultService: 'web' },
    });
    await tree(site, `services: { web: { a: "${one.address}" } }\n`);
    const first = await site.run('render');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('HAProxy is away');
    await using haproxy = await startHaproxy({
      configPath: site.configPath,
      masterSocket: site.masterSocket,
    });
    await waitFor(async () => (await request(site.url)).body === 'one');
    expect((await site.run('render')).stderr).toContain('unchanged');
    expect((await showProc(haproxy.masterSocket)).reloads).toBe(0);
    await tree(site, `services: { web: { a: "${two.address}" } }\n`);
    expect((await site.run('render')).stderr).toContain('reloaded: HAProxy runs');
    expect((await request(site.url)).body).toBe('two');
    const by = [expect.stringMatching(`^uid ${process.getuid?.()}\\b`)];
    const ledger = readLedger(path.join(site.folder, 'state'));
    expect(await ledger.history({ diffs: true })).toMatchObject([
      { number: 2, outcome: 'reloaded', by, files: [{ added: 1, removed: 1 }] },
      { number: 1, outcome: 'published-waiting', by, triggers: ['render'] },
    ]);
  });

  test('ends with 3 where HAProxy refuses, and leaves what is installed', async () => {
    await using site = await makeSite({ haproxy: { mode: 'none' }, more: { template: './own.njk' } });
    await tree(site);
    const template = path.join(site.folder, 'own.njk');
    const good =
      'defaults\n  mode http\n  timeout connect 1s\nfrontend f\n  timeout client 1s\n  bind 127.0.0.1:1\n';
    await writeFile(template, good);
    expect((await site.run('render')).code).toBe(0);
    await writeFile(template, good.replace('bind', 'bnid'));
    const { code, stderr } = await site.run('render');
    expect(code).toBe(3);
    expect(stderr).toContain('bnid');
    const [refused] = await readLedger(path.join(site.folder, 'state')).history({});
    expect(refused).toMatchObject({
      number: 2,
      outcome: 'refused',
      words: expect.arrayContaining([expect.stringContaining('bnid')]),
    });
    expect(splitMark(await readFile(site.configPath, 'utf8')).text).toBe(good);
    // What the ledger cannot keep hinders nothing, and is said.
    const history = path.join(site.folder, 'state', 'history');
    await rm(history, { recursive: true });
    await writeFile(history, '');
    await writeFile(template, good.replace('1s', '2s'));
    const other = await site.run('render');
    expect([other.code, other.stderr]).toEqual([0, expect.stringContaining('cannot be written down')]);
  });

  test('sets the one value aside that HAProxy refuses, says so, and lets all else out', async () => {
    await using site = await makeSite({ haproxy: { mode: 'none' }, more: { template: './own.njk' } });
    await writeFile(
      path.join(site.folder, 'own.njk'),
      'defaults\n  mode http\n  timeout connect 1s\n  timeout server 1s\n' +
        'frontend f\n  timeout client 1s\n  bind 127.0.0.1:1\n' +
        '{% for s in services %}backend be_{{ s.name }}\n{% for i in s.instances %}' +
        '  server {{ i.id }} {{ i.address }} {{ i.meta.opt | default("") }}\n{% endfor %}{% endfor %}',
    );
    const text = async () => splitMark(await readFile(site.configPath, 'utf8')).text;
    const services = (names: readonly string[], port: number, odd: string) =>
      names
        .map((name) => `  ${name}: { a: { host: 10.0.0.${name.slice(3)}, port: ${port}, opt: "${odd}" } }`)
        .join('\n');
    const names = Array.from({ length: 20 }, (_, at) => `web${at + 1}`);
    const rest = names.filter((name) => name !== 'web7');
    await tree(site, `services:\n${services(rest, 80, '')}\n${services(['web7'], 80, 'nonsense')}\n`);
    const first = await site.run('render');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(/^set aside: instances of web7 .*nonsense/m);
    expect(first.stderr).toContain(`published: ${site.configPath}`);
    // All but the one are there.
    expect((await text()).match(/server a 10\.0\.0\.\d+:80/g)).toHaveLength(19);
    expect(await text()).not.toContain('nonsense');
    await tree(site, `services:\n${services(names, 80, '')}\n`);
    expect((await site.run('render')).stderr).toBe(`published: ${site.configPath}\n`);
    expect((await text()).match(/server a 10\.0\.0\.\d+:80/g)).toHaveLength(20);
    await tree(site, `services:\n${services(rest, 81, '')}\n${services(['web7'], 81, 'nonsense')}\n`);
    const last = await site.run('render');
    expect(last).toMatchObject({ code: 0 });
    expect(last.stderr).toMatch(/^set aside: instances of web7 \(its last good form stays\)/m);
    // Only what is refused stays as it was.
    expect((await text()).match(/server a 10\.0\.0\.\d+:81/g)).toHaveLength(20);
    expect(await text()).not.toContain('nonsense');
  });

  test('in managed, loads the file where HAProxy runs, and starts none where none does', async () => {
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await makeSite({ vars: { defaultService: 'web' } });
    await tree(site, `services: { web: { a: "${one.address}" } }\n`);
    const path = site.configPath;
    const absent = `${path}; HAProxy is away: none runs. \`pointsman run\` starts it.\n`;
    expect(await site.run('render')).toMatchObject({ code: 0, stderr: `published: ${absent}` });
    await expect(showProc(site.masterSocket)).rejects.toThrow();
    expect(await site.run('render')).toMatchObject({ code: 0, stderr: `unchanged: ${absent}` });
    await using daemon = await site.start();
    await daemon.ready();
    const before = await showProc(site.masterSocket);
    expect(before.reloads).toBe(0);
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    await tree(site, `services: { web: { a: "${two.address}" } }\n`);
    expect((await site.run('render')).stderr).toMatch(/^reloaded: HAProxy runs /);
    expect((await request(site.url)).body).toBe('two');
    expect(await showProc(site.masterSocket)).toMatchObject({ master: before.master, reloads: 1 });
    await using next = await site.start();
    await next.ready();
    expect(await showProc(site.masterSocket)).toMatchObject({ master: before.master, reloads: 1 });
  });

  test('is kept out while the daemon runs', async () => {
    await using site = await makeSite();
    await tree(site);
    await using daemon = await site.start();
    await daemon.ready();
    const { code, stderr } = await site.run('render');
    expect(code).toBe(1);
    expect(stderr).toContain('another Pointsman holds it (run, pid');
  });
});

describe('errors', () => {
  test.each([
    ['an unknown command', ['frobnicate'], 2, /unknown command/],
    ['an unknown flag', ['services', '--nope'], 2, /unknown option/],
    ['a flag that needs another', ['render', '--diff'], 2, /--diff goes with --dry-run/],
    ['an unknown setting', ['services', '--set', 'haproxy.mod=none'], 2, /haproxy\.mod/],
    ['a missing source', ['services', '--from', 'nowhere.yaml'], 1, /nowhere\.yaml/],
  ])('%s is told in a line, with a hint and without a stack', async (_, args, code, message) => {
    await using site = await makeSite();
    const result = await site.run(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^ {4}at /m);
    expect(result.stdout).toBe('');
  });

  test('show their stack with --log-level debug', async () => {
    await using site = await makeSite();
    const result = await site.run('services', '--from', 'nowhere.yaml', '--log-level', 'debug');
    expect(result.stderr).toMatch(/^ {4}at /m);
  });
});
