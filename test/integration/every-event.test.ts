import { appendFile, mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { type Outcome, type PointsmanEvent, STEPS } from '../../src/events.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { COUNTERS } from '../../src/status/metric-table.ts';
import { cli, freePort, request, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { replaceFile } from '../support/replace-file.ts';

type Kind = PointsmanEvent['kind'];

/** In which of the lives below each event is emitted by the real daemon: the compiler asks for a new one. */
const LIFE: Readonly<Record<Kind, 'busy' | 'command' | 'cached' | 'buggy'>> = {
  starting: 'busy',
  started: 'busy',
  stopping: 'busy',
  stopped: 'busy',
  crashed: 'buggy',
  notice: 'command',
  'part-failed': 'buggy',
  paused: 'busy',
  resumed: 'busy',
  rollback: 'busy',
  'rollback-over': 'busy',
  'settings-read': 'busy',
  'settings-refused': 'busy',
  'settings-mended': 'busy',
  'source-state': 'busy',
  'source-data': 'busy',
  'keys-rejected': 'busy',
  'keys-kept': 'busy',
  'kept-too-long': 'busy',
  'kept-over': 'busy',
  'keys-remarked': 'busy',
  remarks: 'busy',
  'addresses-taken': 'busy',
  'mass-claims': 'busy',
  'rejections-gone': 'busy',
  quarantined: 'busy',
  'quarantine-released': 'busy',
  'nobody-quarantined': 'busy',
  'template-changed': 'busy',
  'template-error': 'busy',
  'template-mended': 'busy',
  pass: 'busy',
  'check-refused': 'busy',
  'check-broken': 'busy',
  'check-warned': 'busy',
  'preflight-failed': 'busy',
  ahead: 'busy',
  'ahead-too-long': 'busy',
  'ahead-over': 'busy',
  recorded: 'busy',
  published: 'busy',
  'publish-failed': 'busy',
  'rolled-back': 'command',
  'ledger-failed': 'busy',
  'ledger-mended': 'busy',
  'hand-edit': 'busy',
  'keys-held': 'busy',
  'keys-let-go': 'busy',
  'cache-served': 'cached',
  'cache-over': 'cached',
  'judged-by': 'busy',
  'haproxy-away': 'busy',
  'haproxy-appeared': 'busy',
  'haproxy-changed': 'busy',
  'haproxy-drift': 'busy',
  'servers-drifted': 'busy',
  'servers-changed': 'busy',
  'server-gone': 'busy',
  'set-by-hand': 'cached',
  'set-by-hand-long': 'cached',
  'set-by-hand-over': 'cached',
  'haproxy-started': 'busy',
  'haproxy-adopted': 'cached',
  'haproxy-exited': 'busy',
  'haproxy-log': 'busy',
  'reload-delayed': 'busy',
  'reload-failed': 'command',
};

/** The same of how a pass may end. */
const OUTCOME: Readonly<Record<Outcome, 'busy' | 'command' | 'cached' | 'alone' | 'untold'>> = {
  unchanged: 'busy',
  started: 'busy',
  adopted: 'cached',
  reloaded: 'busy',
  runtime: 'busy',
  refused: 'busy',
  failed: 'busy',
  paused: 'busy',
  unverified: 'command',
  waiting: 'cached',
  'template-error': 'alone',
  'published-waiting': 'alone',
  published: 'untold',
};

const outcomesOf = (life: (typeof OUTCOME)[Outcome]) =>
  (Object.keys(OUTCOME) as Outcome[]).filter((outcome) => OUTCOME[outcome] === life);

/** The series of it. */
const passes = (outcome: Outcome) => `pointsman_passes_total{outcome="${outcome}"}`;

const kindsOf = (life: (typeof LIFE)[Kind]) =>
  (Object.keys(LIFE) as Kind[]).filter((kind) => LIFE[kind] === life).toSorted();

/** `more` is lines of the global section, `bind` of the frontend. */
const template = ({ more = '', bind = '' } = {}) => `global
  stats socket {{ haproxy.statsSocket }} mode 660 level admin
${more}
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend f
  bind {{ vars.bind }}
${bind}
  use_backend be_slow if { path /slow }
  default_backend be_web
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }} {% if i.backup %}backup {% endif %}{{ i.meta.options | default("") }}
{% endfor %}
{% endfor %}
`;

/** A check that does as files beside it say. */
const CHECK = [
  'sh',
  '-c',
  'while [ -e slow ]; do sleep 0.05; done; [ -e broken ] && exit 127; [ -e refuses ] && exit 1; [ -e warns ] && echo "[WARNING] of a test"; exec haproxy -c -f {config}',
];

type Services = Readonly<Record<string, Readonly<Record<string, string | object>>>>;

/** A site whose files are written by their names. */
async function siteOf(options: {
  readonly haproxy?: Record<string, unknown>;
  readonly more?: Record<string, unknown>;
}) {
  const site = await makeSite({
    ...options,
    more: { template: './t/haproxy.cfg.njk', log: { format: 'json', level: 'debug' }, ...options.more },
  });
  const at = (name: string) => path.join(site.folder, name);
  const write = (name: string, text: string) => replaceFile(at(name), text);
  await mkdir(at('t'));
  await write('t/haproxy.cfg.njk', template());
  return {
    site,
    at,
    touch: (name: string) => write(name, ''),
    remove: (name: string) => rm(at(name)),
    keys: (services: Services) => write('services.yaml', JSON.stringify({ services })),
    template: (text: string) => write('t/haproxy.cfg.njk', text),
  };
}

const kinds = (daemon: Daemon) => new Set(daemon.log().map(({ event }) => event as Kind));

async function said(daemon: Daemon, ...wanted: readonly Kind[]): Promise<void> {
  const missing = () => wanted.filter((kind) => !kinds(daemon).has(kind));
  await waitFor(() => missing().length === 0, { timeout: 30_000 }).catch(() => {
    throw new Error(`waited in vain for ${missing().join(' and ')}:\n${daemon.output().slice(-5000)}`);
  });
}

/** The same for what a pass that happens to run puts right before it is told: `act` is done once more then. */
async function saidWith(daemon: Daemon, kind: Kind, act: () => Promise<void>): Promise<void> {
  for (let tries = 1; !kinds(daemon).has(kind); tries += 1) {
    await act();
    await waitFor(() => kinds(daemon).has(kind), { what: kind, timeout: 3000 }).catch((error: unknown) => {
      if (tries === 10) {
        throw error;
      }
    });
  }
}

/** Waits until the file is as it is asked for, and HAProxy runs it. */
const runs = (site: Site, daemon: Daemon, holds: (text: string) => boolean) =>
  waitFor(
    async () => {
      const text = await readFile(site.configPath, 'utf8').catch(() => '');
      const { hashes, pending, ahead, ready } = await daemon.status();
      const { running } = hashes as { running: string | null };
      const isSettled = pending === null && ahead === null && ready === true;
      return isSettled && running === splitMark(text).mark && holds(text);
    },
    { timeout: 30_000 },
  ).catch(() => {
    throw new Error(`HAProxy does not run what was asked for:\n${daemon.output().slice(-5000)}`);
  });

/** Every series of `/metrics` that is not 0. */
async function moved(site: Site): Promise<ReadonlySet<string>> {
  const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
  const lines = body.split('\n').filter((line) => !line.startsWith('#') && !line.endsWith(' 0'));
  return new Set(lines.map((line) => line.slice(0, line.lastIndexOf(' '))));
}

test('a busy life: each event and each counter of what befalls keys, template, file and HAProxy', async () => {
  await using backend = await startBackend('one');
  const {
    site,
    touch,
    remove,
    keys,
    template: write,
  } = await siteOf({
    haproxy: { checkCommand: CHECK, maxOldWorkers: 1 },
    more: { apply: { readBack: '500ms' }, kept: { max: '1s' } },
  });
  await using _site = site;
  await using slow = await slowServer();
  const web = { one: backend.address, two: '127.0.0.1:2', three: '127.0.0.1:3' };
  const both = { one: slow.address, other: { host: '127.0.0.1', port: 9, backup: true } };
  const all = { web, slow: both };
  await keys(all);
  // The ledger has no folder until this is gone.
  const history = path.join(site.folder, 'state', 'history');
  await mkdir(path.dirname(history), { recursive: true });
  await writeFile(history, '');
  await using daemon = await site.start();
  await daemon.ready();
  const settled = (holds: (text: string) => boolean = () => true) => runs(site, daemon, holds);

  await keys({ ...all, web: { ...web, four: '127.0.0.1:4' } });
  await said(daemon, 'ahead', 'recorded', 'ahead-over', 'haproxy-changed', 'ledger-failed');
  await rm(history);
  await keys({ ...all, web: { ...web, bad: 'nonsense' } });
  await said(daemon, 'keys-rejected');
  await keys({ ...all, web: { ...web, two: 'nonsense' } });
  await said(daemon, 'keys-kept', 'kept-too-long');
  await keys({ ...all, web: { ...web, odd: { host: '127.0.0.1', port: 5, wieght: 2 } } });
  await said(daemon, 'kept-over', 'rejections-gone', 'keys-remarked', 'remarks');
  await keys({ ...all, web: { ...web, odd: { host: '127.0.0.1', port: 5, options: 'nonsense' } } });
  await said(daemon, 'check-refused', 'quarantined');
  await keys({ ...all, zoo: { a: web.two, b: web.three } });
  await said(daemon, 'addresses-taken', 'mass-claims');
  await keys(all);
  await said(daemon, 'quarantine-released', 'ledger-mended');
  await settled();

  await write(`${template()}{% for`);
  await said(daemon, 'template-changed', 'template-error');
  await write(template());
  await said(daemon, 'template-mended');
  await touch('refuses');
  await write(template({ more: '  maxconn 1000' }));
  await said(daemon, 'nobody-quarantined');
  await remove('refuses');
  await touch('broken');
  await write(template({ more: '  maxconn 1001' }));
  await said(daemon, 'check-broken');
  await remove('broken');
  await touch('warns');
  await write(template({ more: '  maxconn 1002' }));
  await said(daemon, 'check-warned');
  await remove('warns');
  const port = await freePort();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
  await write(template({ bind: `  bind 127.0.0.1:${port}` }));
  await said(daemon, 'preflight-failed');
  taken.close();
  await write(template());
  await settled((text) => !text.includes(`:${port}`) && !text.includes('maxconn'));

  await touch('slow');
  await keys({ ...all, web: { ...web, four: '127.0.0.1:4' } });
  await said(daemon, 'ahead-too-long');
  await remove('slow');
  await settled();
  await appendFile(site.configPath, '# by hand\n');
  await said(daemon, 'hand-edit');
  await settled();
  await rm(site.configPath);
  await mkdir(site.configPath);
  await said(daemon, 'publish-failed');
  await rmdir(site.configPath);
  await settled((text) => text.startsWith('global'));

  await saidWith(daemon, 'haproxy-drift', async () => {
    await cli(site.statsSocket, 'experimental-mode on; set var proc.pointsman_mark expr str(stranger)');
  });
  await settled();
  await saidWith(daemon, 'servers-drifted', async () => {
    await cli(site.statsSocket, 'set server be_web/one addr 127.0.0.1 port 9');
  });
  await settled();
  {
    // A request of the old worker is under way.
    await using asked = await slow.ask(`${site.url}/slow`);
    await write(template({ more: '  maxconn 1003' }));
    // The load over the servers above may be the one that left it.
    await waitFor(
      async () =>
        kinds(daemon).has('reload-delayed') || (await readFile(site.configPath, 'utf8')).includes('1003'),
    );
    await write(template({ more: '  maxconn 1004' }));
    await said(daemon, 'reload-delayed');
    await asked.answer();
  }
  await settled((text) => text.includes('maxconn 1004'));
  {
    await using asked = await slow.ask(`${site.url}/slow`);
    await keys({ ...all, slow: { other: both.other } });
    await settled((text) => !text.includes(slow.address));
    await asked.answer();
    await said(daemon, 'server-gone');
  }
  await keys({ slow: both });
  await said(daemon, 'keys-held');
  await keys(all);
  await said(daemon, 'keys-let-go');
  const settings = await readFile(site.settingsFile, 'utf8');
  await replaceFile(site.settingsFile, '{');
  await said(daemon, 'settings-refused');
  await replaceFile(site.settingsFile, JSON.stringify({ ...JSON.parse(settings), guard: { hold: '5m' } }));
  await said(daemon, 'settings-mended', 'settings-read');
  const entries: readonly { number: number; outcome: Outcome }[] = JSON.parse(
    (await site.run('history', '--json', '--limit', '1000')).stdout,
  );
  const oldest = entries.findLast(({ outcome }) => outcome === 'reloaded' || outcome === 'runtime');
  expect(await site.run('rollback', String(oldest?.number))).toMatchObject({ code: 0 });
  await said(daemon, 'rollback');
  await site.run('resume');
  await said(daemon, 'rollback-over');
  await settled((text) => text.includes('maxconn 1004'));
  await site.run('pause', '--for', '5m');
  await said(daemon, 'paused');
  await site.run('resume');
  await said(daemon, 'resumed');
  process.kill((await showProc(site.masterSocket)).master, 'SIGKILL');
  await said(daemon, 'haproxy-exited', 'haproxy-away');
  await settled();

  const metrics = await moved(site);
  const counters = COUNTERS.filter(({ kind }) => LIFE[kind] === 'busy').map(
    ({ name }) => `pointsman_${name}`,
  );
  expect(counters.filter((name) => !metrics.has(name))).toEqual([]);
  expect(metrics).toContain('pointsman_haproxy_exits_total');
  expect(metrics).toContain('pointsman_haproxy_losses_total');
  expect(outcomesOf('busy').filter((outcome) => !metrics.has(passes(outcome)))).toEqual([]);
  const steps = STEPS.map((step) => `pointsman_step_duration_seconds_count{step="${step}"}`);
  expect(steps.filter((name) => !metrics.has(name))).toEqual([]);
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  expect(kindsOf('busy').filter((kind) => !kinds(daemon).has(kind))).toEqual([]);
}, 240_000);

test('a life by a reload command: what it refuses is told, and the file goes back', async () => {
  const { site, touch, keys } = await siteOf({
    haproxy: {
      ...{ mode: 'command', statsSocket: '', checkCommand: ['true', '{config}'] },
      reloadCommand: ['sh', '-c', '! [ -e refuses ]'],
    },
  });
  await using _site = site;
  await keys({ web: { one: '127.0.0.1:1' }, slow: { one: '127.0.0.1:2' } });
  await using daemon = await site.start();
  await daemon.ready();
  await touch('refuses');
  await keys({ web: { one: '127.0.0.1:3' }, slow: { one: '127.0.0.1:2' } });
  await said(daemon, ...kindsOf('command'));
  const metrics = await moved(site);
  expect(metrics).toContain('pointsman_reload_failures_total');
  expect(metrics).toContain('pointsman_rollbacks_total');
  expect([...metrics]).toEqual(expect.arrayContaining(outcomesOf('command').map(passes)));
}, 60_000);

test.each([
  ['without a HAProxy', 'alone', { mode: 'master-socket' }],
  ['that tells no HAProxy', 'untold', { mode: 'none' }],
] as const)(
  'a life %s: the file is written all the same',
  async (_, life, haproxy) => {
    const { site, keys, template: write } = await siteOf({ haproxy });
    await using _site = site;
    await keys({ web: { one: '127.0.0.1:1' }, slow: { one: '127.0.0.1:2' } });
    // Before any good one there is nothing to go on with.
    await write('{% for');
    await using _daemon = await site.start();
    const ended = (outcome: Outcome) =>
      waitFor(async () => (await moved(site)).has(passes(outcome)), { what: outcome, timeout: 30_000 });
    await ended('template-error');
    await write(template());
    for (const outcome of outcomesOf(life)) {
      await ended(outcome);
    }
  },
  60_000,
);

test('a life after a kill, without its source: HAProxy is adopted and the cache served, until the source is back', async () => {
  const { site, at, keys } = await siteOf({ more: { cache: { wait: '3s' }, apply: { readBack: '500ms' } } });
  await using _site = site;
  await keys({ web: { one: '127.0.0.1:1' }, slow: { one: '127.0.0.1:2' } });
  {
    await using daemon = await site.start();
    await daemon.ready();
    await waitFor(async () => (await readFile(at('state/tree')).catch(() => null)) !== null, {
      what: 'the cache',
    });
    daemon.child.kill('SIGKILL');
    await daemon.ended;
  }
  await cli(site.statsSocket, 'set server be_web/one state drain');
  const set = { backend: 'be_web', server: 'one', address: '127.0.0.1:1', admin: 'drain', weight: null };
  const since = Date.now() - 2 * 3_600_000;
  await writeFile(
    at('state/set-by-hand.json'),
    JSON.stringify({ servers: [{ ...set, since, registered: '' }] }),
  );
  await rename(at('services.yaml'), at('away.yaml'));
  await using daemon = await site.start();
  await said(daemon, 'haproxy-adopted', 'cache-served');
  expect(await moved(site)).toContain('pointsman_cache_starts_total');
  await rename(at('away.yaml'), at('services.yaml'));
  await said(daemon, 'set-by-hand-long');
  await cli(site.statsSocket, 'set server be_web/one state ready');
  await said(daemon, ...kindsOf('cached'));
  expect([...(await moved(site))]).toEqual(expect.arrayContaining(outcomesOf('cached').map(passes)));
}, 60_000);

test('a life with bugs: one of a part, and one that ends the daemon', async () => {
  const { site, at, touch, keys } = await siteOf({});
  await using _site = site;
  await writeFile(
    at('hook.mjs'),
    `import { existsSync } from 'node:fs';
     import fs from 'node:fs/promises';
     import { syncBuiltinESMExports } from 'node:module';
     const once = (name, then) => {
       const timer = setInterval(() => {
         if (existsSync(name)) {
           clearInterval(timer);
           then();
         }
       }, 20);
     };
     once('bug', () => {
       const { readFile } = fs;
       fs.readFile = async (name, ...rest) => {
         if (String(name).startsWith(process.cwd())) throw new TypeError('of a test');
         return readFile(name, ...rest);
       };
       syncBuiltinESMExports();
     });
     once('crash', () => { throw new TypeError('of a test'); });`,
  );
  await keys({ web: { one: '127.0.0.1:1' }, slow: { one: '127.0.0.1:2' } });
  await using daemon = await site.start({
    env: { NODE_OPTIONS: `--import ${pathToFileURL(at('hook.mjs'))}` },
  });
  await daemon.ready();
  const { master } = await showProc(site.masterSocket);
  await touch('bug');
  await keys({ web: { one: '127.0.0.1:3' }, slow: { one: '127.0.0.1:2' } });
  await said(daemon, 'part-failed');
  expect(await moved(site)).toContain('pointsman_part_failures_total');
  await touch('crash');
  expect(await daemon.ended).toBe(1);
  process.kill(master, 'SIGKILL');
  expect(kindsOf('buggy').filter((kind) => !kinds(daemon).has(kind))).toEqual([]);
}, 60_000);

/** A server that answers when the test says so. */
async function slowServer() {
  const waiting: (() => void)[] = [];
  const server = createHttpServer((_, response) => {
    waiting.push(() => response.end('slow'));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    /** Asks, and gives a way to have it answered once the request has come. */
    async ask(url: string) {
      const answered = request(url, { timeout: 60_000 }).catch(() => null);
      await waitFor(() => waiting.length > 0, { what: 'the slow request' });
      const answer = async () => {
        for (const end of waiting.splice(0)) {
          end();
        }
        await answered;
      };
      return { answer, [Symbol.asyncDispose]: answer };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
