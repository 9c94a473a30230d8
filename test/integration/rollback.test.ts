import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { request, showProc, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { replaceFile, writeTree } from '../support/replace-file.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

const PATIENT = { timeout: 40_000 };

/** All on the newest alone, but where all tests are asked for. */
const versions = process.env.TEST_ALL === undefined ? haproxyVersions.slice(-1) : haproxyVersions;
/** What is told of the loop alone in test/reconcile. */
const everything = process.env.TEST_ALL === undefined ? [] : haproxyVersions;

/** `frame` tells one template from the next. */
const templateOf = (frame: string, more = '') => `global
  stats socket {{ haproxy.statsSocket }} mode 660 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch
${more}
frontend f
  bind {{ vars.bind }}
  http-response set-header x-frame ${frame}
  use_backend be_%[req.hdr(host),lower] unless { req.hdr(host) -m sub : }
  default_backend be_web
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}{{ ' weight ' ~ i.weight if i.weight is number else '' }}
{% endfor %}
{% endfor %}
`;

/** A site with a template of its own, and ways to see what it serves. */
async function siteOf(options: Parameters<typeof makeSite>[0] = {}) {
  const guard = { minimum: 100, share: 1, hold: '10m' };
  const site = await makeSite({ ...options, more: { template: './own.njk', guard, ...options.more } });
  const write = (text: string) => replaceFile(path.join(site.folder, 'own.njk'), text);
  await write(templateOf('v1'));
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await site.run(...args);
    expect({ code, stderr }, `${args.join(' ')}\n${stdout}`).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  return {
    site,
    run,
    template: write,
    keys: (services: object) => writeTree(site, { services }),
    text: async () => splitMark(await readFile(site.configPath, 'utf8')).text,
    history: () => readLedger(path.join(site.folder, 'state')).history({}),
  };
}

const frameOf = async (site: Site) => (await request(site.url)).headers['x-frame'];
const serves = (site: Site, frame: string, daemon?: Daemon) =>
  waitFor(async () => (await frameOf(site).catch(() => null)) === frame, { ...PATIENT, what: frame }).catch(
    (error) => {
      throw new Error(`${error}\n${daemon?.output().slice(-5000)}`);
    },
  );
/** HAProxy runs what the file says, and nothing is on its way. */
const settled = (daemon: Daemon) =>
  waitFor(async () => {
    const { pending, ahead, applied } = await daemon.status();
    return pending === null && ahead === null && (applied as { kind: string }).kind === 'verified';
  }, PATIENT);

describe.each(versions)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('a rollback serves an older text with the servers of now, follows them, outlives a kill, and is said everywhere until resume; no request fails', async () => {
    await using old = await startBackend('old');
    await using now = await startBackend('now');
    const { site, run, template, keys, text, history } = await siteOf();
    await using _site = site;
    const page = path.join(site.folder, '503.http');
    await replaceFile(page, 'HTTP/1.0 503 Away\r\nContent-Length: 0\r\n\r\n');
    await template(templateOf('v0', `  errorfile 503 ${page}`));
    await keys({ web: { one: old.address }, gone: { g: '127.0.0.1:1' } });
    let daemon = await site.start();
    try {
      await daemon.ready();
      await serves(site, 'v0');
      await template(templateOf('v1'));
      await serves(site, 'v1');
      await waitFor(async () => (await history()).length > 1, PATIENT);
      const [number, first] = (await history()).map((entry) => String(entry.number));
      await using load = startLoad(site.url);
      await rm(page);
      await template(templateOf('v2'));
      await serves(site, 'v2');
      await keys({ web: { one: now.address }, shop: { s: old.address } });
      await waitFor(async () => (await text()).includes(now.address), PATIENT);
      await run('release');
      await waitFor(async () => !(await text()).includes('be_gone'), PATIENT);
      await settled(daemon);

      const note = path.join(site.folder, 'state', 'rollback');
      const before = await text();
      const refused = await site.run('rollback', String(first));
      expect(refused.code).toBe(3);
      expect(refused.stderr).toMatch(/rolling back to \d+: .*haproxy refused it:\n.*503\.http/s);
      expect([await text(), existsSync(note), await frameOf(site)]).toEqual([before, false, 'v2']);
      expect(await run('rollback', String(number))).toMatch(
        new RegExp(
          `^rolled back to ${number}: its text with today's servers; it holds until pointsman resume\n  without servers now: be_gone\n  not there, .*: be_shop\n$`,
        ),
      );
      expect(await frameOf(site)).toBe('v1');
      const served = await text();
      expect([
        served.includes(now.address),
        served.includes(old.address),
        served.includes('be_shop'),
      ]).toEqual([...[true, false, false]]);
      const asked = old.requests();
      expect((await request(site.url)).body).toBe('now');
      const status = await site.run('status');
      expect(status.code).toBe(1);
      expect(status.stdout).toMatch(
        new RegExp(
          `^! rolled back +to the text of entry ${number}, with today's servers, since \\S+ by uid `,
          'm',
        ),
      );
      expect(status.stdout).toMatch(/^ +-> pointsman resume ends it/m);
      expect(await daemon.status()).toMatchObject({
        rollback: {
          number: Number(number),
          mode: 'today',
          until: null,
          emptied: ['be_gone'],
          absent: ['be_shop'],
        },
      });
      const base = `http://127.0.0.1:${site.statusPort}`;
      expect((await request(`${base}/metrics`)).body).toContain('\npointsman_rolled_back 1\n');
      expect((await request(`${base}/readyz`)).body).toMatch(/^ROLLED BACK to \d+ by uid /m);
      expect((await site.run('check')).stdout).toMatch(/rolled back to \d+ since /);
      expect(daemon.output()).toContain(`ROLLED BACK to ${number} by uid `);

      // Servers go on to follow, without a reload; templates wait.
      const { reloads } = await showProc(site.masterSocket);
      await keys({ web: { one: now.address, two: '127.0.0.1:2' }, shop: { s: old.address } });
      await waitFor(async () => (await text()).includes('server two'), PATIENT);
      await keys({ web: { one: now.address }, shop: { s: old.address } });
      await waitFor(async () => !(await text()).includes('server two'), PATIENT);
      await template(templateOf('v3'));
      await waitFor(
        () => daemon.log().some(({ triggers }) => String(triggers).includes('template')),
        PATIENT,
      );
      await settled(daemon);
      expect(await frameOf(site)).toBe('v1');

      daemon.child.kill('SIGKILL');
      await daemon.ended;
      await daemon[Symbol.asyncDispose]();
      daemon = await site.start();
      await daemon.ready();
      await settled(daemon);
      expect((await showProc(site.masterSocket)).reloads).toBe(reloads);
      expect(await frameOf(site)).toBe('v1');
      expect(daemon.output()).toContain(`ROLLED BACK to ${number} by uid `);
      expect(old.requests()).toBe(asked);

      expect(await run('resume')).toMatch(new RegExp(`^resumed: the rollback to ${number} was taken back`));
      await serves(site, 'v3', daemon);
      expect((await request(`${base}/metrics`)).body).toContain('\npointsman_rolled_back 0\n');
      expect(load.failures()).toEqual([]);
      await waitFor(async () => (await history())[0]?.rollback === null, PATIENT);
      const told = (await history()).filter(({ rollback }) => rollback !== null);
      expect(told.at(-1)).toMatchObject({
        ...{ rollback: Number(number), outcome: 'reloaded' },
        by: [expect.stringMatching(/^uid \d+/)],
      });
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
  }, 240_000);
});

describe.each(everything)('in full, on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('the very text leaves addresses of others out and ends by itself; without a daemon a rollback is written down for the next one, and render follows it', async () => {
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    const { site, run, template, keys, text, history } = await siteOf();
    await using _site = site;
    const note = path.join(site.folder, 'state', 'rollback');
    await keys({ web: { one: one.address, two: two.address } });
    let daemon = await site.start();
    try {
      await daemon.ready();
      await serves(site, 'v1');
      await template(templateOf('v2'));
      await serves(site, 'v2');
      await settled(daemon);
      await waitFor(async () => (await history()).length >= 2, PATIENT);
      const [third, second] = (await history()).map(({ number }) => String(number));
      expect(await site.run('rollback', '999')).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/the ledger has no entry 999: it has 1 to \d+\n/),
      });
      expect(await run('rollback', String(third))).toMatch(
        /^nothing to do: what is served is the text of \d+ already/,
      );
      expect(existsSync(note)).toBe(false);

      // An address goes to another service, before it and while it holds.
      await keys({ web: { one: one.address }, shop: { two: two.address } });
      await waitFor(async () => (await text()).includes('be_shop'), PATIENT);
      expect(await run('rollback', String(second), '--exact', '--for', '1h')).toMatch(
        /^rolled back to \d+: its text as it was; it holds until \S+Z, or until pointsman resume\n {2}not there, .*be_shop\n {2}left out: 1 servers/,
      );
      await serves(site, 'v1');
      expect(await text()).not.toContain(two.address);
      expect(await daemon.status()).toMatchObject({
        rollback: { mode: 'exact', leftOut: [`be_web/two ${two.address} (of shop)`] },
      });
      await keys({ web: { one: one.address, two: two.address } });
      await run('release');
      await waitFor(async () => (await text()).includes(two.address), PATIENT);
      expect(await frameOf(site)).toBe('v1');
      // Another one takes its place, and ends by itself.
      await run('rollback', String(second), '--exact', '--for', '6s');
      await serves(site, 'v2');
      expect(daemon.output()).toContain(`no longer rolled back to ${second}: its time is over`);
      await waitFor(() => !existsSync(note), PATIENT);

      daemon.child.kill('SIGKILL');
      await daemon.ended;
      await daemon[Symbol.asyncDispose]();
      expect(await run('rollback', String(second))).toMatch(
        / {2}it has not gone out yet: no daemon runs on /,
      );
      expect(await frameOf(site)).toBe('v2');
      const dry = await site.run('render', '--dry-run');
      expect([dry.code, dry.stdout.includes('x-frame v1')]).toEqual([0, true]);
      expect(dry.stderr).toMatch(/^rolled back to \d+ by uid .* --without-rollback /);
      expect(await run('render', '--dry-run', '--without-rollback')).toContain('x-frame v2');
      expect((await site.run('status')).stderr).toMatch(/the text of entry \d+ is put back by uid /);
      daemon = await site.start();
      await daemon.ready();
      await serves(site, 'v1');
      const reloaded = () => daemon.log().filter(({ outcome }) => outcome === 'reloaded');
      await waitFor(() => reloaded().length > 0, PATIENT);
      expect(reloaded()).toHaveLength(1);
      await run('resume');
      await serves(site, 'v2', daemon);
      await settled(daemon);

      // During a pause it waits for that; resume ends both.
      await run('pause', '--for', '5m');
      expect(await run('rollback', String(second))).toMatch(/ {2}it has not gone out yet: paused until /);
      expect(await frameOf(site)).toBe('v2');
      expect(await run('resume')).toMatch(
        /^resumed: the rollback to \d+ was taken back.*\nresumed: the pause until \S+ was taken back\n$/,
      );
      expect(daemon.output()).toMatch(/no longer rolled back to \d+: it was taken back by uid \d/);
      daemon.child.kill('SIGKILL');
      await daemon.ended;
      await daemon[Symbol.asyncDispose]();

      // render follows it as well.
      await run('rollback', String(second));
      const rendered = await site.run('render');
      expect(rendered.code, rendered.stderr).toBe(0);
      expect(rendered.stderr).toMatch(/^ROLLED BACK to \d+ by uid /m);
      expect(await frameOf(site)).toBe('v1');
      expect(await run('resume')).toMatch(/ \(no daemon runs on /);
      process.kill((await showProc(site.masterSocket)).master, 'SIGTERM');
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
  }, 240_000);

  // The text is being judged, the note was just written, the file was just published; and each of a resume.
  const moments = [
    ['while it is tried', 'before'],
    ['when it is written down', 'rolled back'],
    ['when the file is replaced', 'rolled back'],
    ['when it is taken back', 'before'],
  ] as const;
  test.each(moments)(
    'killed %s, the next start serves all of one text: %s',
    async (moment, then) => {
      await using one = await startBackend('one');
      const { site, run, template, keys, text, history } = await siteOf({
        haproxy: {
          checkCommand: ['sh', '-c', 'while [ -e slow ]; do sleep 0.05; done; exec haproxy -c -f {config}'],
        },
      });
      await using _site = site;
      const slow = path.join(site.folder, 'slow');
      const note = path.join(site.folder, 'state', 'rollback');
      await keys({ web: { one: one.address } });
      let daemon = await site.start();
      try {
        await daemon.ready();
        await serves(site, 'v1');
        await template(templateOf('v2'));
        await serves(site, 'v2');
        await settled(daemon);
        await waitFor(async () => (await history()).length >= 2, PATIENT);
        const first = String((await history()).at(-1)?.number);
        const kill = () => daemon.child.kill('SIGKILL');
        if (moment === 'while it is tried') {
          await replaceFile(slow, '');
          // Where the daemon breaks off it tries by itself, and waits for the check.
          const asked = site.run('rollback', first, '--timeout', '3s');
          await waitFor(() => isChecked(site), PATIENT);
          kill();
          await asked;
          await rm(slow);
        } else if (moment === 'when it is taken back') {
          await run('rollback', first);
          await serves(site, 'v1');
          const asked = site.run('resume');
          await waitFor(() => !existsSync(note), { ...PATIENT, every: 1 });
          kill();
          await asked;
        } else {
          const asked = site.run('rollback', first);
          const isSo =
            moment === 'when it is written down'
              ? () => existsSync(note)
              : async () => (await text()).includes('x-frame v1');
          await waitFor(isSo, { ...PATIENT, every: 1 });
          kill();
          await asked;
        }
        await daemon.ended;
        await daemon[Symbol.asyncDispose]();
        await using load = startLoad(site.url);
        daemon = await site.start();
        await daemon.ready();
        const frame = then === 'before' ? 'v2' : 'v1';
        await serves(site, frame, daemon);
        await settled(daemon);
        expect(await text()).toMatch(
          new RegExp(`x-frame ${frame}\n[^]*server one ${one.address.replaceAll('.', '\\.')}\n$`),
        );
        expect((await daemon.status()).rollback === null).toBe(then === 'before');
        expect(load.failures()).toEqual([]);
      } finally {
        await daemon[Symbol.asyncDispose]();
      }
    },
    180_000,
  );
});

/** Whether a check of it is under way. */
async function isChecked(site: Site): Promise<boolean> {
  const names = await readdir(path.dirname(site.configPath));
  return names.some((name) => name.startsWith('.haproxy.cfg.'));
}
