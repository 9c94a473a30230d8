import { readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { request, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { replaceFile } from '../support/replace-file.ts';

type Json = Record<string, unknown>;

/** Waits until it is so, with what the daemon said where it never is. */
const until = (daemon: Daemon, what: string, holds: () => Promise<boolean> | boolean) =>
  waitFor(async () => holds(), { what, timeout: 40_000 }).catch((error: unknown) => {
    throw new Error(`${error}\n${daemon.output().slice(-4000)}`);
  });

const config = (site: Site) => readFile(site.configPath, 'utf8').catch(() => '');
const settingsOf = async (site: Site) => JSON.parse(await readFile(site.settingsFile, 'utf8')) as Json;
const of = (daemon: Daemon, event: string) => daemon.log().filter((line) => line.event === event);

/** Writes the settings of a site with other sections. */
async function change(site: Site, changed: Json): Promise<void> {
  await replaceFile(site.settingsFile, JSON.stringify({ ...(await settingsOf(site)), ...changed }));
}

async function siteWith(services: Json, more: Json = {}): Promise<Site> {
  const site = await makeSite({ haproxy: { mode: 'none' }, more });
  await writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));
  return site;
}

const five = (address: (at: number) => string) =>
  Object.fromEntries([1, 2, 3, 4, 5].map((at) => [`i${at}`, address(at)]));

test('settings that may change while it runs are taken: vars, limits, guard, pace, log; others are named until a restart', async () => {
  await using site = await siteWith({
    old: { a: '127.0.0.1:1', large: { host: '127.0.0.1', port: 2, tags: ['x'.repeat(99)] } },
    web: five((at) => `127.0.0.1:1${at}`),
  });
  await using daemon = await site.start({ env: { POINTSMAN_VARS_CLIENT_TIMEOUT: '7s' } });
  await daemon.ready();
  const { vars } = (await settingsOf(site)) as { vars: Json };
  const started = await settingsOf(site);

  await change(site, { vars: { ...vars, domain: 'example.com', clientTimeout: '99s', nbthread: 1 } });
  await until(daemon, 'the vars', async () => (await config(site)).includes('web.example.com'));
  expect(await config(site)).toContain('nbthread 1');
  // The environment is over the file, as at a start.
  expect(await config(site)).toContain('timeout client 7s');
  const [read] = of(daemon, 'settings-read');
  expect(read).toMatchObject({ applied: ['vars.domain', 'vars.nbthread'], restart: [] });

  await change(site, { limits: { services: 1 } });
  await until(daemon, 'the limit', async () => !(await config(site)).includes('be_web'));
  expect(of(daemon, 'keys-rejected').at(-1)?.msg).toContain('limits.services (1)');
  await change(site, { limits: { valueBytes: 64 } });
  await until(daemon, 'the limit to end', async () => (await config(site)).includes('be_web'));
  // The sources are read anew: what is too large by now keeps its last good form.
  await until(daemon, 'what is too large', () =>
    of(daemon, 'keys-kept').some(({ msg }) => String(msg).includes('limits.valueBytes (64)')),
  );
  expect(await config(site)).toContain('server large 127.0.0.1:2 ');

  // A loss is held by the rules of now, and what is held ends by them too.
  const keys = (services: Json) =>
    replaceFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));
  await keys({ old: { a: '127.0.0.1:1' } });
  await until(daemon, 'a hold', async () => ((await daemon.status()).held as Json[]).length >= 5);
  await change(site, { guard: { hold: '1s' }, log: { format: 'json', level: 'debug' } });
  await until(daemon, 'the end of the hold', async () => !(await config(site)).includes('server i1'));
  await until(daemon, 'a line for debugging', () => daemon.log().some(({ level }) => level === 'debug'));

  await change(site, {
    template: '/nowhere.njk',
    output: { path: '/nowhere/haproxy.cfg' },
    announce: { rise: 9 },
  });
  await until(daemon, 'what needs a restart', () =>
    of(daemon, 'settings-read').some(({ restart }) => String(restart) === 'output.path,template'),
  );
  expect((await daemon.status()).settings).toMatchObject({
    restart: ['output.path', 'template'],
    error: null,
  });
  const shown = await site.run('status');
  expect(shown.stdout).toMatch(/^! restart /m);
  expect(shown.stdout).toContain('output.path, template');
  const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
  expect(body).toContain('pointsman_settings_restart_keys 2');

  await replaceFile(site.settingsFile, JSON.stringify(started));
  await until(daemon, 'the settings of the start', async () => {
    const { restart } = (await daemon.status()).settings as Json;
    return (restart as string[]).length === 0 && !(await config(site)).includes('web.example.com');
  });
}, 240_000);

test('settings that do not fit, are half written or gone leave those of before, and that is said until they are mended', async () => {
  await using site = await siteWith({ web: { a: '127.0.0.1:1' } });
  await using daemon = await site.start();
  await daemon.ready();
  const good = await readFile(site.settingsFile, 'utf8');
  const error = async () => ((await daemon.status()).settings as Json).error;
  for (const [what, spoil] of [
    ['guard.share', () => change(site, { guard: { share: 7 }, vars: { domain: 'wrong.example' } })],
    ['', () => writeFile(site.settingsFile, good.slice(0, 60))],
    ['no such file', () => rm(site.settingsFile)],
  ] as const) {
    await spoil();
    await until(
      daemon,
      `why it is refused (${what})`,
      async () => String((await error()) ?? '').includes(what) && (await error()) !== null,
    );
    if (what === 'no such file') {
      const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
      expect(body).toContain('pointsman_settings_broken 1');
    }
    await replaceFile(site.settingsFile, good);
    await until(daemon, 'that it is mended', async () => (await error()) === null);
  }
  expect(await config(site)).not.toContain('wrong.example');
  // In the log at most one a second of a kind.
  await until(daemon, 'both in the log', () =>
    ['settings-refused', 'settings-mended'].every((kind) => of(daemon, kind).length > 0),
  );
  expect(of(daemon, 'settings-read')).toEqual([]);
}, 120_000);

test('vars that HAProxy refuses are left for those of before, and keys go out as before, until they are mended', async () => {
  await using site = await siteWith({ web: { a: '127.0.0.1:1' } });
  await using daemon = await site.start();
  await daemon.ready();
  const { vars } = (await settingsOf(site)) as { vars: Json };
  await change(site, { vars: { ...vars, clientTimeout: 'nonsense', maxconn: 1234 } });
  const template = async () => String(((await daemon.status()).template as Json).error ?? '');
  await until(daemon, 'that they are refused', async () => (await template()).includes('timeout client'));
  expect(of(daemon, 'template-error').at(-1)?.msg).toContain('the vars of before are used');
  const keys = { services: { web: { a: '127.0.0.1:1', b: '127.0.0.1:2' } } };
  await replaceFile(path.join(site.folder, 'services.yaml'), JSON.stringify(keys));
  await until(daemon, 'the next key', async () => (await config(site)).includes('server b '));
  expect(await config(site)).not.toContain('1234');
  await change(site, { vars: { ...vars, clientTimeout: '33s', maxconn: 1234 } });
  await until(daemon, 'that they are mended', async () =>
    (await config(site)).includes('timeout client 33s'),
  );
  expect(await template()).toBe('');
}, 120_000);

test('SIGHUP has the settings read and says so; ten changes are taken as what is there in the end; during a pause they wait', async () => {
  await using site = await siteWith({ web: { a: '127.0.0.1:1' } });
  await using daemon = await site.start();
  await daemon.ready();
  daemon.child.kill('SIGHUP');
  await until(daemon, 'an answer to SIGHUP', () => of(daemon, 'settings-read').length === 1);
  expect(of(daemon, 'settings-read')[0]).toMatchObject({ cause: 'SIGHUP', applied: [], restart: [] });

  const { vars } = (await settingsOf(site)) as { vars: Json };
  for (let at = 1; at <= 10; at++) {
    await change(site, { vars: { ...vars, maxconn: 1000 + at } });
  }
  await until(daemon, 'the last of ten', async () => (await config(site)).includes('maxconn 1010'));
  const passes = of(daemon, 'pass').filter(({ triggers }) => String(triggers).includes('settings changed'));
  expect(passes.length).toBeLessThanOrEqual(10);

  await site.run('pause', '--for', '5m');
  await until(daemon, 'the pause', async () => (await daemon.status()).paused !== null);
  await change(site, { vars: { ...vars, maxconn: 2000 } });
  await until(daemon, 'that it is read', () =>
    of(daemon, 'pass').some(
      ({ outcome, triggers }) => outcome === 'paused' && String(triggers).includes('settings'),
    ),
  );
  expect(await config(site)).toContain('maxconn 1010');
  await site.run('resume');
  await until(daemon, 'what was read during the pause', async () =>
    (await config(site)).includes('maxconn 2000'),
  );
}, 120_000);

test('settings behind links that are swapped, as Kubernetes swaps ..data, are followed', async () => {
  await using site = await siteWith({ web: { a: '127.0.0.1:1' } });
  const at = (name: string) => path.join(site.folder, name);
  const { mkdir } = await import('node:fs/promises');
  await mkdir(at('..1'));
  await mkdir(at('..2'));
  await rename(site.settingsFile, at('..1/pointsman.yaml'));
  const first = JSON.parse(await readFile(at('..1/pointsman.yaml'), 'utf8')) as Json & { vars: Json };
  // Relative paths start at the folder of the path that is named.
  await writeFile(
    at('..2/pointsman.yaml'),
    JSON.stringify({ ...first, vars: { ...first.vars, maxconn: 4321 } }),
  );
  await symlink('..1', at('..data'));
  await symlink('..data/pointsman.yaml', site.settingsFile);
  await using daemon = await site.start();
  await daemon.ready();
  await symlink('..2', at('..data_tmp'));
  await rename(at('..data_tmp'), at('..data'));
  await until(daemon, 'the settings behind the link', async () =>
    (await config(site)).includes('maxconn 4321'),
  );
  await unlink(at('..data'));
  await until(
    daemon,
    'that they are gone',
    async () => ((await daemon.status()).settings as Json).error !== null,
  );
}, 120_000);
