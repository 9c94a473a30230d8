import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkOf, reloadOf } from '../../src/migrate/confd/commands.ts';
import { type ConfdFolder, migrateConfd } from '../../src/migrate/confd/migrate-confd.ts';
import { settingsSchema } from '../../src/settings/schema.ts';
import { tempFolder } from '../support/haproxy.ts';
import { runToEnd } from '../support/pointsman.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = path.join(ROOT, 'examples/from-confd');
const HAPROXY =
  '[template]\nsrc = "haproxy.cfg.tmpl"\ndest = "/etc/haproxy/haproxy.cfg"\nkeys = ["/services"]\n';

interface Given {
  readonly settings?: string;
  readonly resources?: Record<string, string>;
  readonly templates?: Record<string, string>;
}

function folder({ settings, resources, templates }: Given): ConfdFolder {
  return {
    settings: settings ?? null,
    resources: new Map(Object.entries(resources ?? { 'haproxy.toml': HAPROXY })),
    templates: new Map(Object.entries(templates ?? { 'haproxy.cfg.tmpl': 'a\n' })),
  };
}

/** The settings as the daemon reads them, and MIGRATED.md. */
function migrated(given: Given, flags = {}) {
  const result = migrateConfd(folder(given), flags);
  const text = (name: string) => result.files.find((file) => file.path === name)?.text ?? '';
  const settings = settingsSchema.parse(parse(text('pointsman.yaml')));
  return { ...result, settings, page: text('MIGRATED.md'), text };
}

describe('reload_cmd', () => {
  it.each([
    ['kill -s SIGUSR2 $(cat /run/haproxy.pid)', { mode: 'signal', pidFile: '/run/haproxy.pid' }, false],
    ['kill -USR2 `cat /run/haproxy.pid`', { mode: 'signal', pidFile: '/run/haproxy.pid' }, false],
    ['systemctl reload haproxy', { mode: 'command', command: ['systemctl', 'reload', 'haproxy'] }, false],
    [
      '/usr/sbin/service haproxy reload',
      { mode: 'command', command: ['/usr/sbin/service', 'haproxy', 'reload'] },
      false,
    ],
    ['/etc/init.d/haproxy reload', { mode: 'command', command: ['/etc/init.d/haproxy', 'reload'] }, false],
    [
      's6-svc -2 /var/run/s6/services/haproxy',
      { mode: 'command', command: ['s6-svc', '-2', '/var/run/s6/services/haproxy'] },
      false,
    ],
    [
      'supervisorctl restart haproxy',
      { mode: 'command', command: ['supervisorctl', 'restart', 'haproxy'] },
      true,
    ],
    [
      'haproxy -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid -D -sf $(cat /run/haproxy.pid)',
      {
        mode: 'command',
        command: [
          '/bin/sh',
          '-c',
          'haproxy -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid -D -sf $(cat /run/haproxy.pid)',
        ],
      },
      true,
    ],
    [
      'pkill -HUP haproxy-systemd-wrapper',
      { mode: 'command', command: ['pkill', '-HUP', 'haproxy-systemd-wrapper'] },
      true,
    ],
    [
      '/opt/reload.sh && true',
      { mode: 'command', command: ['/bin/sh', '-c', '/opt/reload.sh && true'] },
      true,
    ],
    [undefined, { mode: 'none' }, true],
  ])('%s', (line, value, isMarked) => {
    expect(reloadOf(line)).toMatchObject({ value, isMarked });
    expect(reloadOf(line).reason).toMatch(/\S{3}/);
  });
});

describe('check_cmd', () => {
  it.each([
    ['haproxy -c -f {{.src}}', null, false],
    ['/usr/sbin/haproxy -c -q -f {{ .src }} > /dev/null 2>&1', null, false],
    [
      'haproxy -c -f /etc/haproxy/base.cfg -f {{.src}}',
      ['haproxy', '-c', '-f', '/etc/haproxy/base.cfg', '-f', '{config}'],
      false,
    ],
    [
      'docker exec lb haproxy -c -f {{.src}} | logger',
      ['/bin/sh', '-c', 'docker exec lb haproxy -c -f {config} | logger'],
      false,
    ],
    ['haproxy -c -f /etc/haproxy/haproxy.cfg', null, true],
    ['haproxy -c -f {{if .src}}{{.src}}{{end}}', null, true],
    [undefined, null, false],
  ])('%s', (line, value, isMarked) => {
    expect(checkOf(line)).toMatchObject({ value, isMarked });
  });
});

describe('the settings', () => {
  it('have what the resource says, and are read as they stand', () => {
    const resource = `${HAPROXY}prefix = "/prod"\nmode = "0600"\nowner = "haproxy"\ngid = 99\nmin_reload_interval = "30s"\ndebounce = "500ms"\nreload_cmd = "kill -USR2 $(cat /run/h.pid)"\n`;
    const { settings, text } = migrated({
      resources: { 'haproxy.toml': resource },
      templates: { 'haproxy.cfg.tmpl': 'stats socket /run/h.sock\n{{getenv "ZONE"}}{{getv "/services/a"}}' },
      settings: 'backend = "etcdv3"\nnodes = ["10.0.0.1", "10.0.0.2:4001"]\nlog-level = "warning"\n',
    });
    expect(settings).toMatchObject({
      sources: [{ kind: 'etcd', endpoints: ['http://10.0.0.1:2379', 'http://10.0.0.2:4001'] }],
      prefixes: { keys: ['/prod/services'] },
      output: { path: '/etc/haproxy/haproxy.cfg', mode: 0o600, owner: 'haproxy', group: '99' },
      haproxy: { mode: 'signal', pidFile: '/run/h.pid', statsSocket: '/run/h.sock' },
      pace: { reloadInterval: 30_000, quiet: 500 },
      node: { env: ['ZONE'] },
      log: { level: 'warn' },
    });
    expect(text('templates/haproxy.cfg.njk')).toContain('storeBelow("/prod")');
  });

  it.each([
    ['backend = "etcd"', {}, 'read the v2 keys of etcd'],
    ['backend = "consul"', {}, 'keys come from `consul`, which Pointsman does not read'],
    ['', { backend: 'etcdv3' }, '`http://127.0.0.1:2379` is a guess'],
    [
      'backend = "etcdv3"\nnodes = ["https://a:1"]\nusername = "u"\npassword = "secret-word"',
      {},
      'the password is not copied',
    ],
    [
      'backend = "etcdv3"\nnodes = ["http://a:1"]\nclient_cert = "/c.pem"\nclient_key = "/k.pem"',
      {},
      'not every node begins with https://',
    ],
    ['backend = "etcdv3"\nnodes = ["http://a:1"]\nnonsense = 1', {}, 'nothing here is like `nonsense`'],
  ])('say what they cannot have: %s', (settings, flags, mark) => {
    const { page, files } = migrated({ settings }, flags);
    expect(page).toContain(mark);
    expect(files.map((file) => file.text).join()).not.toContain('secret-word');
  });

  it('follow the flags of confd, which win over its file', () => {
    const { settings } = migrated(
      { settings: 'backend = "consul"\nnodes = ["x"]\nprefix = "/no"' },
      { backend: 'etcdv3', node: ['https://b:2379'], prefix: '/yes' },
    );
    expect(settings.sources).toMatchObject([{ endpoints: ['https://b:2379'] }]);
    expect(settings.prefixes.keys).toEqual(['/yes/services']);
  });

  it.each([
    ['10.0.0.1', 'http://10.0.0.1:2379'],
    ['http://etcd:80', 'http://etcd:80'],
    ['https://etcd/v2/keys', 'https://etcd:2379'],
    ['[fd00::1]:2379', 'http://[fd00::1]:2379'],
  ])('take the node %s', (node, endpoint) => {
    const { settings } = migrated({}, { backend: 'etcdv3', node: [node] });
    expect(settings.sources).toMatchObject([{ endpoints: [endpoint] }]);
  });

  it('name a node that is no URL', () => {
    const { files } = migrateConfd(folder({}), { backend: 'etcdv3', node: ['http://me:word@etcd:2379'] });
    expect(files.at(-1)?.text).toContain('is no URL that Pointsman takes');
  });

  it.each([
    ['backend = "file"\nfile = ["/a.yaml", "/b"]', ['/a.yaml', '/b']],
    ['backend = "file"', ['./keys.yaml']],
    ['backend = "env"', ['./keys.yaml']],
  ])('name files: %s', (settings, paths) => {
    const { sources } = migrated({ settings }).settings;
    expect(sources).toMatchObject(paths.map((file) => ({ kind: 'file', path: file })));
  });

  it('name folders where confd read the whole store, and say so', () => {
    const resources = { 'haproxy.toml': HAPROXY.replace('"/services"', '"/"') };
    const templates = { 'haproxy.cfg.tmpl': '{{range gets "/web/*"}}{{getv (printf "/lb/%s" .Key)}}{{end}}' };
    const { settings, page } = migrated({ resources, templates });
    expect(settings.prefixes.keys).toEqual(['/lb', '/web']);
    expect(page).toContain(
      'the whole store was read, which Pointsman does not: those folders that the template names',
    );
    expect(migrated({ resources }).page).toContain(
      'the template names no folder, so name those that it reads',
    );
  });

  it('name every key of the resource that means nothing here', () => {
    const { page } = migrated({
      resources: { 'haproxy.toml': `${HAPROXY}output_format = "json"\n[backend]\nbackend = "env"\n` },
    });
    expect(page).toContain('output_format = "json": nothing here is like it');
    expect(page).toContain('backend = {"backend":"env"}: nothing here is like it');
  });

  it('say that two prefixes are taken together', () => {
    const { page, settings } = migrated(
      { resources: { 'haproxy.toml': `${HAPROXY}prefix = "lb"\n` } },
      { prefix: 'prod' },
    );
    expect(settings.prefixes.keys).toEqual(['/prod/lb/services']);
    expect(page).toContain('older ones took that of confd.toml alone');
  });
});

describe('MIGRATED.md', () => {
  it('names what was not translated with file and line, and counts it', () => {
    const { page, marks, untranslated } = migrated({
      templates: { 'haproxy.cfg.tmpl': 'a\n{{lookupIP "x"}}\n' },
      resources: { 'haproxy.toml': `${HAPROXY}reload_cmd = "systemctl reload haproxy"\n` },
      settings: 'backend = "etcdv3"\nnodes = ["http://a:1"]',
    });
    expect(page).toContain(
      '`templates/haproxy.cfg.tmpl:2`: `{{lookupIP "x"}}`: it would differ from host to host',
    );
    expect([marks, untranslated]).toEqual([1, 1]);
  });

  it('says of other files that they stay with confd', () => {
    const nginx = '[template]\nsrc = "nginx.tmpl"\ndest = "/etc/nginx/site.conf"\nkeys = ["/"]\n';
    const { page, settings, files } = migrated({
      resources: { 'a-nginx.toml': nginx, 'haproxy.toml': HAPROXY },
      templates: { 'haproxy.cfg.tmpl': 'a', 'nginx.tmpl': 'b', 'part.tmpl': 'c' },
    });
    expect(settings.output.path).toBe('/etc/haproxy/haproxy.cfg');
    expect(page).toContain('## conf.d/a-nginx.toml: stays with confd');
    expect(page).toContain('`templates/part.tmpl`: not translated');
    expect(files.map((file) => file.path)).toContain('templates/nginx.njk');
  });

  it.each([
    [{ resources: {} }, 'there is no template resource'],
    [{ resources: { 'a.toml': 'src = ' } }, 'reading conf.d/a.toml, line 1: '],
    [{ resources: { 'a.toml': '[template]\nsrc = "x"' } }, '[template] names no dest'],
    [{ templates: {} }, 'there is no template templates/haproxy.cfg.tmpl'],
    [
      {
        resources: {
          'a.toml': '[template]\nsrc = "x"\ndest = "/a"\n',
          'b.toml': '[template]\nsrc = "x"\ndest = "/b"\n',
        },
      },
      "none of the resources is HAProxy's: conf.d/a.toml (/a), conf.d/b.toml (/b)",
    ],
  ])('is not made where there is nothing to migrate: %j', (given, found) => {
    expect(() => migrateConfd(folder(given))).toThrow(found);
  });
});

describe('pointsman migrate', () => {
  it('makes of examples/from-confd what renders to the file that confd wrote', async () => {
    await using out = await tempFolder();
    const target = path.join(out.path, 'made');
    const made = await runToEnd(
      ['src/main.ts', 'migrate', path.join(EXAMPLE, 'confd'), '--out', target],
      ROOT,
    );
    expect([made.code, made.stderr]).toEqual([0, '']);
    const config = path.join(target, 'pointsman.yaml');
    const from = path.join(EXAMPLE, 'keys.yaml');
    const rendered = await runToEnd(
      ['src/main.ts', 'render', '--dry-run', '--config', config, '--from', from],
      ROOT,
    );
    expect(rendered.stdout).toBe(await readFile(path.join(EXAMPLE, 'haproxy.cfg'), 'utf8'));
    const again = await runToEnd(
      ['src/main.ts', 'migrate', path.join(EXAMPLE, 'confd'), '--out', target],
      ROOT,
    );
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('it is there already')]);
  });

  it('says how many places somebody has to look at, and where it finds nothing', async () => {
    await using folderOf = await tempFolder();
    const confd = path.join(folderOf.path, 'confd');
    for (const name of ['conf.d', 'templates']) {
      await mkdir(path.join(confd, name), { recursive: true });
    }
    await writeFile(path.join(confd, 'conf.d/h.toml'), HAPROXY);
    await writeFile(path.join(confd, 'templates/haproxy.cfg.tmpl'), '{{lookupIP "x"}}');
    const args = ['src/main.ts', 'migrate', confd, '--out', path.join(folderOf.path, 'out')];
    const { code, stderr } = await runToEnd(args, ROOT);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^4 to look at, 1 of them fail when they are rendered: \S+MIGRATED\.md\n$/),
    ]);
    const none = await runToEnd(['src/main.ts', 'migrate', folderOf.path], ROOT);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('it has no folder conf.d')]);
  });
});
