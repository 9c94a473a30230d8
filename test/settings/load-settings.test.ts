import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { PACKAGED_TEMPLATE } from '../../src/settings/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'pointsman-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SOURCE = 'sources: [{ file: { path: ./tree.yaml } }]\n';
const ALL = `
sources:
  - etcd:
      endpoints: [https://10.0.0.1:2379, https://10.0.0.2:2379]
      tls: { ca: /certs/ca.pem, cert: /certs/me.pem, key: /certs/me-key.pem }
      username: pointsman
      passwordFile: /run/secrets/etcd
  - file: { path: ./datastores.yaml }
prefixes:
  services: /services
  routes: /routes
  keys: [/haproxy]
template: ./templates/haproxy.cfg.njk
output:
  path: /etc/haproxy/haproxy.cfg
  mode: "0640"
  owner: root
  group: haproxy
  keep: 5
stateDir: /var/lib/pointsman
haproxy:
  mode: managed
  binary: haproxy
  masterSocket: /run/haproxy/master.sock
  statsSocket: /run/haproxy/stats.sock
  pidFile: /run/haproxy/haproxy.pid
  reloadCommand: [systemctl, reload, haproxy]
  checkCommand: [haproxy, -c, -f, "{config}"]
  checkTimeout: 30s
  maxOldWorkers: 8
apply:
  mode: auto
  newServers: up
  drain: 0s
  readBack: 1m
pace: { quiet: 200ms, maxWait: 1s, reloadInterval: 2s }
guard: { share: 0.5, minimum: 4, window: 30s, hold: 6m }
cache: { wait: 3s, maxAge: 24h }
duplicateAddresses: newest
node: { env: [] }
vars: { domain: example.com }
status: { listen: 127.0.0.1:9290 }
log: { level: info, format: auto }
`;

function write(text: string, name = 'pointsman.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Inputs {
  readonly env?: Record<string, string>;
  readonly overrides?: Record<string, string>;
  readonly sources?: 'optional';
}

function load(text: string, inputs: Inputs = {}) {
  return loadSettings({ configPath: write(text), env: {}, cwd: '/somewhere', ...inputs });
}

async function problems(text: string, inputs: Inputs = {}): Promise<string> {
  const error: unknown = await load(text, inputs).catch((thrown: unknown) => thrown);
  if (!(error instanceof UsageError)) {
    throw new Error(`expected a UsageError, got ${String(error)}`);
  }
  expect(error.hint).toBeTruthy();
  return error.message.replaceAll(folder, '');
}

describe('loadSettings()', () => {
  it('accepts everything of the example', async () => {
    const settings = await load(ALL);
    expect(settings.sources).toEqual([
      {
        kind: 'etcd',
        endpoints: ['https://10.0.0.1:2379', 'https://10.0.0.2:2379'],
        tls: { ca: '/certs/ca.pem', cert: '/certs/me.pem', key: '/certs/me-key.pem' },
        username: 'pointsman',
        passwordFile: '/run/secrets/etcd',
        proxy: 'none',
      },
      { kind: 'file', path: join(folder, 'datastores.yaml') },
    ]);
    expect(settings.output).toEqual({
      path: '/etc/haproxy/haproxy.cfg',
      mode: 0o640,
      owner: 'root',
      group: 'haproxy',
      keep: 5,
    });
    expect(settings.template).toBe(join(folder, 'templates/haproxy.cfg.njk'));
    expect(settings.vars).toEqual({ domain: 'example.com' });
    expect(settings.configFile).toBe(join(folder, 'pointsman.yaml'));
  });

  it('fills in the defaults, which are those of the example', async () => {
    const bare = await load(SOURCE);
    const full = await load(ALL);
    const { reloadCommand: _, ...haproxy } = full.haproxy;
    expect(bare).toEqual({
      ...full,
      sources: [{ kind: 'file', path: join(folder, 'tree.yaml') }],
      prefixes: { services: ['/services'], routes: ['/routes'], keys: [] },
      template: PACKAGED_TEMPLATE,
      output: { ...full.output, owner: null, group: null },
      haproxy,
      vars: {},
    });
  });

  it('gives durations in milliseconds, addresses apart and prefixes as lists without trailing slashes', async () => {
    const settings = await load(
      `${SOURCE}pace: { quiet: 5ms, maxWait: 2s, reloadInterval: 3m }\ncache: { maxAge: 4h }
prefixes: { services: [/a/services/, /b], routes: /a/routes/, keys: /haproxy }
status: { listen: "[::1]:0" }\n`,
    );
    expect(settings.pace).toEqual({ quiet: 5, maxWait: 2000, reloadInterval: 180_000, splay: 0 });
    expect(settings.cache.maxAge).toBe(14_400_000);
    expect(settings.prefixes).toEqual({
      services: ['/a/services', '/b'],
      routes: ['/a/routes'],
      keys: ['/haproxy'],
    });
    expect(settings.status.listen).toEqual({ host: '::1', port: 0 });
  });

  it('takes a section whose keys are all commented out as absent', async () => {
    expect((await load(`${SOURCE}guard:\n  # share: 1\n`)).guard.share).toBe(0.5);
  });

  it('judges with haproxy.binary unless a checkCommand is set', async () => {
    const settings = await load(`${SOURCE}haproxy: { binary: ./sbin/haproxy }\n`);
    expect(settings.haproxy.checkCommand).toEqual([join(folder, 'sbin/haproxy'), '-c', '-f', '{config}']);
  });

  it('takes keys that another haproxy mode would use', async () => {
    const text = `${SOURCE}haproxy: { mode: none, reloadCommand: [x], pidFile: /p, masterSocket: /m }\n`;
    expect((await load(text)).haproxy.mode).toBe('none');
  });

  it.each([
    ['haproxy: { mod: none }', '/pointsman.yaml:2: haproxy.mod: no such key; did you mean haproxy.mode?'],
    ['masterSocket: /x', '/pointsman.yaml:2: masterSocket: no such key; did you mean haproxy.masterSocket?'],
    [
      'pace:\n  # slow\n  quiet: 200',
      '/pointsman.yaml:4: pace.quiet: found the number 200; would fit: a duration such as 200ms, 2s, 5m or 1h',
    ],
    [
      'haproxy: { mode: sytemd }',
      '/pointsman.yaml:2: haproxy.mode: found the text "sytemd"; would fit: managed, master-socket, signal, command or none',
    ],
    [
      'haproxy: { mode: command }',
      '/pointsman.yaml:2: haproxy.reloadCommand: is missing: mode command needs it, for example [systemctl, reload, haproxy]',
    ],
    [
      'haproxy: { masterSocket: "" }',
      '/pointsman.yaml:2: haproxy.masterSocket: is empty: the modes managed and master-socket need it',
    ],
    [
      'haproxy: { checkCommand: [haproxy, -c] }',
      '/pointsman.yaml:2: haproxy.checkCommand: names no {config}: without it, it cannot judge the candidate',
    ],
    [
      'haproxy: { checkTimeout: 0s }',
      '/pointsman.yaml:2: haproxy.checkTimeout: found the text "0s"; would fit: a duration over 0, such as 200ms, 2s, 5m or 1h',
    ],
    [
      'haproxy: managed',
      '/pointsman.yaml:2: haproxy: found the text "managed"; would fit: a map of mode, binary, masterSocket, statsSocket, serverState, pidFile, reloadCommand, checkCommand, checkTimeout, maxOldWorkers',
    ],
    [
      'output: { mode: 0640 }',
      '/pointsman.yaml:2: output.mode: found the number 640; would fit: an octal mode in quotes, such as "0640"',
    ],
    [
      'prefixes: { services: services }',
      '/pointsman.yaml:2: prefixes.services: found the text "services"; would fit: keys such as /services: one or a list, each from a slash, no empty parts',
    ],
    [
      'prefixes: { keys: [/a, /b//c] }',
      '/pointsman.yaml:2: prefixes.keys.1: found the text "/b//c"; would fit: keys such as /services: one or a list, each from a slash, no empty parts',
    ],
    [
      'prefixes: { routes: /services/routes }',
      '/pointsman.yaml:2: prefixes.routes: lies inside services or around it: the two must be apart',
    ],
    ['pace: { quiet: 2s }', '/pointsman.yaml:2: pace.maxWait: is shorter than pace.quiet'],
    [
      'guard: { share: 2 }',
      '/pointsman.yaml:2: guard.share: found the number 2; would fit: a number over 0, at most 1',
    ],
    [
      'status: { listen: 9290 }',
      '/pointsman.yaml:2: status.listen: found the number 9290; would fit: an address and a port such as 127.0.0.1:9290',
    ],
    [
      'status: { listen: "127.0.0.1:99999" }',
      '/pointsman.yaml:2: status.listen: found the text "127.0.0.1:99999"; would fit: an address and a port such as 127.0.0.1:9290',
    ],
    [
      'log:\n  level: loud',
      '/pointsman.yaml:3: log.level: found the text "loud"; would fit: debug, info, warn or error',
    ],
    [
      'node: { env: [A-B] }',
      '/pointsman.yaml:2: node.env.0: found the text "A-B"; would fit: a list of names of environment variables',
    ],
    ['vars: [a]', '/pointsman.yaml:2: vars: found a list; would fit: a map of values by name'],
    [
      'nonsense:',
      '/pointsman.yaml:2: nonsense: no such key; there are: sources, prefixes, template, output, stateDir, haproxy, apply, pace, guard, kept, cache, limits, ports, addresses, duplicateAddresses, announce, sync, node, vars, status, metrics, log',
    ],
  ])('names what does not fit in %j', async (text, message) => {
    expect(await problems(`${SOURCE}${text}\n`)).toBe(`reading the settings: ${message}`);
  });

  it.each([
    [
      'sources: []',
      '/pointsman.yaml:1: sources: found an empty list; would fit: a list of at least one etcd, file or ec2',
    ],
    [
      'sources: { etcd: {} }',
      '/pointsman.yaml:1: sources: found a map; would fit: a list of at least one etcd, file or ec2',
    ],
    [
      'sources:\n  - file: { path: a }\n    etcd: { endpoints: ["http://a:1"] }',
      '/pointsman.yaml:2: sources.0: is one source: either etcd, file or ec2',
    ],
    [
      'sources:\n  - ectd: {}',
      '/pointsman.yaml:2: sources.0.ectd: no such key; did you mean sources.0.etcd?',
    ],
    [
      'sources:\n  - etcd:\n      username: me',
      '/pointsman.yaml:2: sources.0.etcd.endpoints: is missing; would fit: a list of URLs such as http://10.0.0.1:2379 (https:// for TLS), without user or path; or srv in its place',
    ],
    [
      'sources: [{ etcd: { endpoints: ["10.0.0.1:2379"] } }]',
      '/pointsman.yaml:1: sources.0.etcd.endpoints.0: found the text "10.0.0.1:2379"; would fit: a list of URLs such as http://10.0.0.1:2379 (https:// for TLS), without user or path',
    ],
    [
      'sources: [{ etcd: { endpoints: ["http://a:1"], username: me } }]',
      '/pointsman.yaml:1: sources.0.etcd: username and passwordFile belong together: give both or neither',
    ],
    [
      'sources: [{ etcd: { endpoints: ["https://a:1"], tls: { cert: c } } }]',
      '/pointsman.yaml:1: sources.0.etcd.tls: cert and key belong together: give both or neither',
    ],
    [
      'sources: [{ etcd: { endpoints: ["http://a:1"], tls: { ca: c } } }]',
      '/pointsman.yaml:1: sources.0.etcd: has tls, but an endpoint that starts with http://: write https://',
    ],
  ])('names what does not fit in %j', async (text, message) => {
    expect(await problems(`${text}\n`)).toBe(`reading the settings: ${message}`);
  });

  it('names everything at once', async () => {
    const message = await problems(
      'sources: [{ file: { path: a } }]\nlog: { level: x }\npace: { quiet: x, maxwait: 1s }\nhaproxy: { mode: command, keep: 1 }\n',
    );
    expect(message.split('\n  ')).toEqual([
      'reading the settings: 5 things do not fit',
      '/pointsman.yaml:4: haproxy.keep: no such key; did you mean output.keep?',
      expect.stringMatching(/^\/pointsman\.yaml:4: haproxy\.reloadCommand: is missing/),
      expect.stringMatching(/^\/pointsman\.yaml:3: pace\.quiet: found the text "x"/),
      '/pointsman.yaml:3: pace.maxwait: no such key; did you mean pace.maxWait?',
      expect.stringMatching(/^\/pointsman\.yaml:2: log\.level: found the text "x"/),
    ]);
  });

  it('names the line of broken YAML', async () => {
    expect(await problems('sources:\n  - file: { path: a\nlog: 1\n')).toMatch(
      /^\/pointsman\.yaml:\d: no YAML: /,
    );
    expect(await problems('log: {}\nlog: {}\n')).toBe('/pointsman.yaml:2: no YAML: Map keys must be unique');
    expect(await problems('- a\n')).toMatch(/^\/pointsman\.yaml:1: found no keys/);
  });

  it('never shows a password that stands in an endpoint', async () => {
    const message = await problems('sources: [{ etcd: { endpoints: ["http://me:hunter2@a:1"] } }]\n');
    expect(message).toContain('http://***@a:1');
    expect(message).not.toContain('hunter2');
  });

  it('prefers flags to the environment and the environment to the file', async () => {
    const text = `${SOURCE}log: { level: error, format: json }\nstateDir: ./state\n`;
    const settings = await load(text, {
      env: { POINTSMAN_LOG_LEVEL: 'warn', POINTSMAN_STATE_DIR: 'env' },
      overrides: { 'log.level': 'debug' },
    });
    expect(settings.log).toEqual({ level: 'debug', format: 'json' });
    expect(settings.stateDir).toBe('/somewhere/env');
  });

  it('reads every kind of value from the environment', async () => {
    const settings = await load(SOURCE, {
      env: {
        POINTSMAN_HAPROXY_MASTER_SOCKET: '/m.sock',
        POINTSMAN_HAPROXY_MAX_OLD_WORKERS: '3',
        POINTSMAN_HAPROXY_RELOAD_COMMAND: 'systemctl, reload,haproxy',
        POINTSMAN_HAPROXY_BINARY: '/opt/haproxy',
        POINTSMAN_HAPROXY_CHECK_COMMAND: '[sh, -c, "a, {config}"]',
        POINTSMAN_OUTPUT_PATH: 'here.cfg',
        POINTSMAN_OUTPUT_OWNER: '1000',
        POINTSMAN_PREFIXES_SERVICES: '/a,/b/',
        POINTSMAN_DUPLICATE_ADDRESSES: 'allow',
        POINTSMAN_GUARD_SHARE: '0.25',
        POINTSMAN_VARS_DOMAIN: 'example.org',
        POINTSMAN_VARS_DEFAULT_ROUTES: 'any',
        POINTSMAN_VARS_NBTHREAD: '4',
        POINTSMAN_VARS_VERSION: '1.10',
        POINTSMAN_VARS_NAMESERVERS: '[10.0.0.2, 10.0.0.3]',
        POINTSMAN_LOG_FORMAT: '',
        OTHER: 'x',
      },
    });
    expect(settings.haproxy).toMatchObject({
      masterSocket: '/m.sock',
      maxOldWorkers: 3,
      reloadCommand: ['systemctl', 'reload', 'haproxy'],
      binary: '/opt/haproxy',
      checkCommand: ['sh', '-c', 'a, {config}'],
    });
    expect(settings.output).toMatchObject({ path: '/somewhere/here.cfg', owner: '1000' });
    expect(settings.prefixes.services).toEqual(['/a', '/b']);
    expect(settings.duplicateAddresses).toBe('allow');
    expect(settings.guard.share).toBe(0.25);
    expect(settings.vars).toEqual({
      domain: 'example.org',
      defaultRoutes: 'any',
      nbthread: 4,
      version: '1.10',
      nameservers: ['10.0.0.2', '10.0.0.3'],
    });
    expect(settings.log.format).toBe('auto');
  });

  it('gives POINTSMAN_ETCD_… to the first etcd source', async () => {
    const text = 'sources: [{ file: { path: a } }, { etcd: { endpoints: ["http://a:1"] } }]\n';
    const env = {
      POINTSMAN_ETCD_ENDPOINTS: 'https://b:1,https://c:2/',
      POINTSMAN_ETCD_TLS_CA: '/ca.pem',
      POINTSMAN_ETCD_USERNAME: 'me',
      POINTSMAN_ETCD_PASSWORD_FILE: '/pw',
    };
    expect((await load(text, { env })).sources[1]).toEqual({
      kind: 'etcd',
      endpoints: ['https://b:1', 'https://c:2'],
      tls: { ca: '/ca.pem' },
      username: 'me',
      passwordFile: '/pw',
      proxy: 'none',
    });
  });

  it('makes an etcd source of POINTSMAN_ETCD_ENDPOINTS where there is none', async () => {
    const env = { POINTSMAN_ETCD_ENDPOINTS: 'http://b:1' };
    expect((await load(SOURCE, { env })).sources).toEqual([
      { kind: 'file', path: join(folder, 'tree.yaml') },
      { kind: 'etcd', endpoints: ['http://b:1'], proxy: 'none' },
    ]);
    expect((await load('', { env })).sources).toEqual([
      { kind: 'etcd', endpoints: ['http://b:1'], proxy: 'none' },
    ]);
  });

  it('names the variable or flag that does not fit', async () => {
    expect(await problems(SOURCE, { env: { POINTSMAN_PACE_QUIET: '3' } })).toMatch(
      /: POINTSMAN_PACE_QUIET: pace\.quiet: found the text "3"/,
    );
    expect(await problems(SOURCE, { overrides: { 'etcd.endpoints': 'b' } })).toMatch(
      /: --set etcd\.endpoints: sources\.1\.etcd\.endpoints\.0: found the text "b"/,
    );
    expect(await problems(SOURCE, { env: { POINTSMAN_ETCD_USERNAME: 'b' } })).toMatch(
      /sources\.1\.etcd\.endpoints: is missing/,
    );
  });

  it('refuses variables and flags that are no setting, with a near name', async () => {
    expect(await problems(SOURCE, { env: { POINTSMAN_HAPROXY_MOD: 'x', POINTSMAN_QQQQ: 'x' } })).toBe(
      'reading the environment: POINTSMAN_HAPROXY_MOD is no setting; did you mean POINTSMAN_HAPROXY_MODE?; POINTSMAN_QQQQ is no setting',
    );
    expect(await problems(SOURCE, { overrides: { 'haproxy.mdoe': 'x' } })).toBe(
      'reading --set: haproxy.mdoe is no setting; did you mean haproxy.mode?',
    );
    expect(await problems(SOURCE, { overrides: { masterSocket: 'x' } })).toContain(
      'did you mean haproxy.masterSocket?',
    );
  });

  it('passes over what Kubernetes and Docker write for a service of its name, and nothing that looks like it', async () => {
    const links = {
      POINTSMAN_PORT: 'tcp://10.96.0.7:9290',
      POINTSMAN_PORT_9290_TCP: 'tcp://10.96.0.7:9290',
      POINTSMAN_PORT_9290_TCP_ADDR: '10.96.0.7',
      POINTSMAN_PORT_9290_TCP_PORT: '9290',
      POINTSMAN_PORT_9290_TCP_PROTO: 'tcp',
      POINTSMAN_PORT_53_UDP: 'udp://[fd00::7]:53',
      POINTSMAN_PORT_53_UDP_ADDR: 'fd00::7',
      POINTSMAN_SERVICE_HOST: '10.96.0.7',
      POINTSMAN_SERVICE_PORT: '9290',
      POINTSMAN_SERVICE_PORT_HTTP_METRICS: '9290',
      POINTSMAN_METRICS_PORT: 'tcp://10.96.0.8:9290',
      POINTSMAN_METRICS_SERVICE_HOST: '10.96.0.8',
      POINTSMAN_METRICS_SERVICE_PORT: '9290',
      POINTSMAN_NAME: '/haproxy/pointsman',
      POINTSMAN_ENV_NODE_VERSION: '24.1.0',
      POINTSMAN_ENV_HOME: '',
      POINTSMAN_PORT_9290_TCP_START: 'tcp://172.17.0.5:9290',
      POINTSMAN_PORT_9290_TCP_PORT_END: '9299',
    };
    expect(await load(SOURCE, { env: links })).toEqual(await load(SOURCE));

    for (const [name, value] of [
      ['POINTSMAN_STATUS_PORT', '9290'],
      ['POINTSMAN_PORT', '9290'],
      ['POINTSMAN_SERVICE_HOST', 'etcd.example.com'],
      ['POINTSMAN_NAME', 'front'],
      ['POINTSMAN_ENV_HOME', '/root'],
      ['POINTSMAN_STATUS_LISTN', 'tcp://10.0.0.1:80'],
    ] as const) {
      expect(await problems(SOURCE, { env: { [name]: value } })).toContain(`${name} is no setting`);
    }
  });

  it('reads ports, networks and truth values from a file and from the environment alike, and says what would fit', async () => {
    const file = `${SOURCE}ports: { reserved: [22, 8500] }\naddresses: { deny: [10.0.0.0/8, "::1"], names: false }\n`;
    const env = {
      POINTSMAN_PORTS_RESERVED: '22,8500',
      POINTSMAN_ADDRESSES_DENY: '10.0.0.0/8, ::1',
      POINTSMAN_ADDRESSES_NAMES: 'false',
    };
    const wanted = {
      ports: { reserved: [22, 8500] },
      addresses: { deny: ['10.0.0.0/8', '::1'], allow: [], names: false },
    };
    expect(await load(file)).toMatchObject(wanted);
    expect(await load(SOURCE, { env })).toMatchObject(wanted);
    expect(
      await problems(`${SOURCE}ports: { reserved: [0] }\naddresses: { deny: [10.0.0.0/33], names: no }\n`),
    ).toMatch(
      /a list of ports from 1 to 65535[\s\S]*a list of networks such as 10.0.0.0\/8[\s\S]*true or false/,
    );
  });

  it('sets nested vars and sources by their place', async () => {
    const settings = await load(SOURCE, {
      overrides: { 'vars.timeouts.connect': '1s', 'sources.0.file.path': 'other' },
    });
    expect(settings.vars).toEqual({ timeouts: { connect: '1s' } });
    expect(settings.sources).toEqual([{ kind: 'file', path: '/somewhere/other' }]);
  });

  it('does without a default file where the sources are named otherwise, and says what to do where they are not', async () => {
    const cwd = folder;
    const env = { POINTSMAN_ETCD_ENDPOINTS: 'http://b:1' };
    expect((await loadSettings({ env, cwd })).configFile).toBeNull();
    expect((await loadSettings({ env: {}, cwd, sources: 'optional' })).sources).toEqual([]);
    await expect(loadSettings({ env: {}, cwd })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('there is no /etc/pointsman/pointsman.yaml'),
      hint: expect.stringContaining('POINTSMAN_ETCD_ENDPOINTS'),
    });
  });

  it('takes the file of POINTSMAN_CONFIG, and refuses a named file that is missing or cannot be read', async () => {
    write(SOURCE, 'other.yaml');
    const env = { POINTSMAN_CONFIG: 'other.yaml' };
    expect((await loadSettings({ env, cwd: folder })).configFile).toBe(join(folder, 'other.yaml'));
    await expect(loadSettings({ env: {}, cwd: folder, configPath: 'none.yaml' })).rejects.toThrow(
      'there is no such file',
    );
    await expect(loadSettings({ env: {}, cwd: folder, configPath: '.' })).rejects.toThrow('EISDIR');
  });
});
