import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { cli, request, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** One secret in every place that can hold one; each has the word, so that one search finds any. */
const WORD = 'Canary';
const PLANTED = {
  etcdPassword: 'CanaryEtcd-7f3a91',
  wrongPassword: 'CanaryWrong-5d20',
  userinfo: 'CanaryUser/i@nfo-1',
  keyFile: 'CanaryKeyfile-88c2',
  password: 'CanaryVars-41b7',
  token: 'CanaryToken-90fe',
  variable: 'CanaryVariable-c0de',
  named: 'CanaryNamed-13aa',
} as const;
const ENV = {
  POINTSMAN_VARS_API_TOKEN: PLANTED.token,
  ETCD_ROOT_PASSWORD: PLANTED.variable,
  DB_PASSWORD: PLANTED.named,
};
const COMMANDS: readonly (readonly string[])[] = [
  ['services'],
  ['services', '--json'],
  ['dump'],
  ['check'],
  ['render', '--dry-run', '--diff', '--validate'],
  ['render'],
  ['release'],
  ['pause', '--for', '1s'],
  ['resume'],
  ['--help'],
  ['render', '--no-such-flag'],
];

/** Everything that a command says. `config` is another settings file; `level` shows stacks. */
async function say(site: Site, args: readonly string[], env: Record<string, string> = ENV): Promise<string> {
  const config = args[0] === '--help' ? [] : ['--config', site.settingsFile, '--log-level', 'debug'];
  const result = await execa(process.execPath, [MAIN, ...args, ...config], {
    env,
    cwd: site.folder,
    reject: false,
    all: true,
    timeout: 60_000,
  });
  return `$ pointsman ${args[0]}\n${result.all}\n`;
}

async function sayAll(site: Site, commands = COMMANDS): Promise<string> {
  return (await Promise.all(commands.map((args) => say(site, args)))).join('');
}

/** Rewrites the settings of a site. */
async function change(site: Site, edit: (settings: Record<string, unknown>) => void): Promise<void> {
  const settings = JSON.parse(await readFile(site.settingsFile, 'utf8'));
  edit(settings);
  await writeFile(site.settingsFile, JSON.stringify(settings, null, 2));
}

async function plant(site: Site): Promise<void> {
  await writeFile(path.join(site.folder, 'password'), `${PLANTED.etcdPassword}\n`, { mode: 0o600 });
  await writeFile(path.join(site.folder, 'wrong'), `${PLANTED.wrongPassword}\n`, { mode: 0o600 });
  await writeFile(path.join(site.folder, 'key.pem'), `${PLANTED.keyFile}\n`, { mode: 0o600 });
  await writeFile(
    path.join(site.folder, 'own.njk'),
    [
      '{% extends "pointsman/haproxy.cfg.njk" %}',
      '{% block extra %}',
      'userlist people',
      '  user one insecure-password {{ vars.auth.password }}',
      '  user two insecure-password {{ vars.apiToken }} {{ getv("/ha/more", "") }}',
      '  user three insecure-password {{ getenv("DB_PASSWORD") }}',
      '{% endblock %}',
      '',
    ].join('\n'),
  );
}

describe('secrets', () => {
  test('are in no output of any command and of the daemon, whatever goes wrong', {
    timeout: 300_000,
  }, async () => {
    const auth = {
      rootPassword: 'root',
      username: 'pointsman',
      password: PLANTED.etcdPassword,
      prefixes: ['/services', '/routes', '/ha'],
    };
    await using etcd = await startEtcd({ auth });
    const login = (file: string) => ({
      endpoints: [etcd.endpoint],
      username: 'pointsman',
      passwordFile: file,
    });
    await using site = await makeSite({
      sources: [{ etcd: login('./password') }],
      vars: { auth: { password: PLANTED.password } },
      more: {
        prefixes: { keys: ['/ha'] },
        node: { env: ['DB_PASSWORD'] },
        template: './own.njk',
        log: { format: 'json', level: 'debug' },
      },
    });
    await plant(site);
    await etcd.put('/services/web/one', '127.0.0.1:9');
    let said = '';
    let logged = '';

    const run = (...flags: string[]) =>
      execa(process.execPath, [MAIN, 'run', '--config', site.settingsFile, ...flags], {
        env: ENV,
        cwd: site.folder,
        reject: false,
        all: true,
      });
    const daemon = run();
    const base = `http://127.0.0.1:${site.statusPort}`;
    const status = async () => {
      let text = '';
      for (const place of ['/api/status', '/metrics', '/readyz', '/healthz', '/']) {
        text += (await request(`${base}${place}`).catch(() => null))?.body ?? '';
      }
      return text;
    };
    try {
      await waitFor(async () => (await request(`${base}/readyz`).catch(() => null))?.status === 200, {
        what: 'the daemon',
        timeout: 60_000,
      });
      expect(await readFile(site.configPath, 'utf8')).toContain(PLANTED.password);
      said += await status();
      // HAProxy refuses a line with a secret, and says so in its own words.
      await etcd.put('/ha/more', 'nonsense');
      await waitFor(async () => (await status()).includes('/ha/more'), {
        what: 'the refusal',
        timeout: 60_000,
      });
      const quoted = (await status()) + (await sayAll(site));
      expect(quoted, 'HAProxy quotes the line').toContain('insecure-password ***');
      said += quoted;
      await etcd.delete('/ha/more');
      // A hand edit next to a secret: its diff is logged.
      const text = await readFile(site.configPath, 'utf8');
      await writeFile(site.configPath, text.replace('userlist people', 'userlist people\n  # edited'));
      await waitFor(async () => !(await readFile(site.configPath, 'utf8')).includes('# edited'), {
        what: 'the file to be put right',
        timeout: 60_000,
      });
      // The password is no longer the right one, and etcd goes away.
      await writeFile(path.join(site.folder, 'password'), `${PLANTED.wrongPassword}\n`);
      await etcd.kill();
      await waitFor(async () => (await status()).includes('"stale":true'), {
        what: 'stale',
        timeout: 60_000,
      });
      said += await status();
    } finally {
      daemon.kill('SIGTERM');
      logged = String((await daemon).all);
      said += logged;
    }

    // Everything that may be wrong with the settings, one after the other.
    await etcd.restart();
    await change(site, (all) => {
      all.sources = [{ etcd: login('./wrong') }];
    });
    said += await sayAll(site, [['services'], ['check'], ['dump']]);
    // From the cache, while etcd refuses the password; then paused, with an edit by hand that has to wait.
    const cached = run('--accept-stale');
    try {
      await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes(PLANTED.password), {
        what: 'the configuration',
      });
      await waitFor(async () => (await status()).includes('the user name or the password is wrong'), {
        what: 'etcd to refuse the password',
        timeout: 60_000,
      });
      said += await sayAll(site, [['pause', '--for', '1m']]);
      await waitFor(async () => (await status()).includes('paused'), { what: 'the pause', timeout: 60_000 });
      said += (await status()) + (await sayAll(site, [['release'], ['resume'], ['services', '--json']]));
    } finally {
      cached.kill('SIGTERM');
      const log = String((await cached).all);
      expect(log).toContain('cache');
      said += log;
    }
    const wrong: Record<string, unknown>[] = [
      { endpoints: [`http://me:${PLANTED.userinfo}@127.0.0.1:1`] },
      { endpoints: `http://me:${PLANTED.userinfo}@127.0.0.1:1` },
      { endpoints: ['http://127.0.0.1:1'], password: PLANTED.wrongPassword },
      { endpoints: ['https://127.0.0.1:1'], tls: { cert: './key.pem', key: './key.pem', ca: './key.pem' } },
    ];
    for (const etcdSettings of wrong) {
      await change(site, (all) => {
        all.sources = [{ etcd: etcdSettings }];
      });
      said += await sayAll(site, [['services'], ['check']]);
    }
    await change(site, (all) => {
      all.sources = [{ file: { path: './none.yaml' } }];
      all.vars = { auth: { password: PLANTED.password }, bind: 1, domain: [] };
    });
    said += await sayAll(site, [['services'], ['render', '--dry-run', '--validate']]);
    const endpoints = `http://me:${PLANTED.userinfo}@127.0.0.1:1`;
    said += await say(site, ['services'], { ...ENV, POINTSMAN_ETCD_ENDPOINTS: endpoints });
    said += await say(site, ['services', '--set', `vars.password=${PLANTED.password}`, '--set', 'no.such=1']);
    await writeFile(site.settingsFile, `vars: { password: "${PLANTED.password}\nsources: [`);
    said += await sayAll(site, [['services']]);

    expect(logged, 'the diff of the hand edit, and what HAProxy refused').toContain('insecure-password ***');
    expect(said.length).toBeGreaterThan(5000);
    const found = said.split('\n').filter((line) => line.includes(WORD));
    expect(
      found.map((line) => line.slice(Math.max(0, line.indexOf(WORD) - 200), line.indexOf(WORD) + 60)),
    ).toEqual([]);
    // What is left behind: only the configuration and its kept versions hold what the template wrote.
    const left: string[] = [];
    for (const file of await filesBelow(path.join(site.folder, 'state'))) {
      if (/\/(versions|hand-edits?|edits)\//.test(file) || file.endsWith('.cfg')) {
        continue;
      }
      if (!(await stat(file)).isFile()) {
        continue;
      }
      left.push(path.basename(file));
      expect((await readFile(file, 'utf8')).includes(WORD), file).toBe(false);
    }
    expect(left, 'the cache').toContain('tree');
  });
});

describe('files, folders and sockets', () => {
  test("are nobody else's business, whatever umask Pointsman was started with", {
    timeout: 60_000,
  }, async () => {
    await using site = await makeSite({ haproxy: { masterSocket: undefined, statsSocket: undefined } });
    const run = path.join(site.folder, 'run');
    await change(site, (all) => {
      Object.assign(all.haproxy as object, {
        masterSocket: path.join(run, 'm.sock'),
        statsSocket: path.join(run, 's.sock'),
      });
    });
    await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: 127.0.0.1:9 } }\n');
    await chmod(path.dirname(site.configPath), 0o750);
    const daemon = execa(
      'sh',
      ['-c', 'umask 0; exec "$@"', 'sh', process.execPath, MAIN, 'run', '--config', site.settingsFile],
      {
        reject: false,
        all: true,
      },
    );
    try {
      const base = `http://127.0.0.1:${site.statusPort}`;
      await waitFor(async () => (await request(`${base}/readyz`).catch(() => null))?.status === 200, {
        what: 'the daemon',
        timeout: 60_000,
      });
      await waitFor(
        async () =>
          (await filesBelow(path.join(site.folder, 'state'))).some((file) => file.endsWith('/tree')),
        {
          what: 'the cache',
        },
      );
      expect(await cli(path.join(run, 's.sock'), 'show info')).toContain('Version');
      const seen: string[] = [];
      for (const folder of [path.join(site.folder, 'state'), path.dirname(site.configPath), run]) {
        for (const file of [folder, ...(await filesBelow(folder))]) {
          const { mode } = await stat(file);
          seen.push(path.relative(site.folder, file));
          expect(mode & 0o007, `others may not touch ${file} (${(mode & 0o777).toString(8)})`).toBe(0);
          expect(mode & 0o020 && !file.endsWith('s.sock'), `the group may not write ${file}`).toBeFalsy();
        }
      }
      expect(seen).toEqual(
        expect.arrayContaining([
          'state',
          'state/lock',
          'state/tree',
          'state/versions',
          'run',
          'run/m.sock',
          'run/m.sock.log',
          'run/s.sock',
          'etc/haproxy.cfg',
          'etc/.haproxy.cfg.lock',
        ]),
      );
      const modeOf = async (file: string) =>
        ((await stat(path.join(site.folder, file))).mode & 0o777).toString(8);
      expect(await modeOf('run/m.sock')).toBe('600');
      expect(await modeOf('run/m.sock.log')).toBe('600');
      expect(await modeOf('run/s.sock')).toBe('660');
      expect(await modeOf('state')).toBe('750');
      expect(await modeOf('run')).toBe('750');
      expect(await modeOf('state/tree')).toBe('600');
      expect(await modeOf('etc/haproxy.cfg')).toBe('640');
    } finally {
      daemon.kill('SIGTERM');
      await daemon;
    }
  });
});

/** It becomes process 1 of a container with a text of its own; the program is given as arguments, never in the text. */
const STARTS_A_SHELL = 'announce/init.ts';
/** They print completions for shells, and settings of what confd gave to a shell; they start nothing. */
const NAMES_SHELLS = ['commands/completion-scripts.ts', 'migrate/confd/commands.ts'];

test('no source file starts a shell, but the one that becomes process 1', async () => {
  const files = (await filesBelow(new URL('../../src', import.meta.url).pathname)).filter(
    (file) =>
      file.endsWith('.ts') &&
      !file.endsWith(STARTS_A_SHELL) &&
      !NAMES_SHELLS.some((one) => file.endsWith(one)),
  );
  expect(files.length).toBeGreaterThan(100);
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    expect(
      /\bshell\s*:\s*(?:true|['"`])|\bexecSync\(|\bexec\(['"`]|['"](?:\/bin\/)?(?:ba)?sh['"]|execaCommand/.exec(
        text,
      )?.[0],
      file,
    ).toBeUndefined();
  }
});

async function filesBelow(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const entries = await readdir(folder, { recursive: true });
  return entries.map((entry) => path.join(folder, entry));
}
