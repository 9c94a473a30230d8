import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const PATIENT = { timeout: 30_000 };

const keys = (site: Site, services: object) =>
  writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));

/** Asks as a command does. */
async function ask(site: Site, method: 'GET' | 'POST', where: string, body?: object) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const socketPath = path.join(site.folder, 'state', 'control.sock');
  const headers = body ? { 'content-type': 'application/json' } : {};
  const asked = httpRequest({ socketPath, path: where, method, headers, agent: false }, (answer) => {
    text(answer).then((said) => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(said) }), reject);
  });
  asked.on('error', reject).end(body ? JSON.stringify(body) : undefined);
  return promise;
}

test('the daemon answers services on its socket and does what pause, resume and release ask for; who asks is recorded, and a refusal has its cause', async () => {
  await using one = await startBackend('one');
  await using site = await makeSite({ more: { guard: { minimum: 1, share: 0.4 } } });
  await keys(site, { web: { one: one.address, two: '127.0.0.1:1' } });
  await using daemon = await site.start();
  await daemon.ready();
  const state = path.join(site.folder, 'state');
  const socket = await stat(path.join(state, 'control.sock'));
  expect([socket.isSocket(), socket.mode & 0o777, socket.uid]).toEqual([true, 0o600, process.getuid?.()]);

  expect(await site.run('release')).toEqual({
    code: 0,
    stdout: 'released: nothing was held\n',
    stderr: '',
  });
  await waitFor(async () => (await site.run('services')).stdout.includes('DOWN'), PATIENT);
  const listed = await site.run('services');
  expect(listed.stderr).toBe('');
  expect(listed.stdout).toMatch(/^web {2}http {2}hosts web {2}\(1 UP, 1 DOWN\)$/m);
  expect(listed.stdout).toMatch(/^ {2}one {2}\S+ {2}UP/m);
  expect(listed.stdout).toMatch(
    /^ {2}two {2}127\.0\.0\.1:1 {2}DOWN for \d+ s: Layer4 connection problem: .*refused/im,
  );
  expect(await site.run('services', '--diff')).toEqual({
    code: 0,
    stdout: '',
    stderr: 'no difference: what is registered is served, and in HAProxy\n',
  });
  await keys(site, {});
  const held = async () => ((await daemon.status()).held as unknown[]).length;
  await waitFor(async () => (await held()) === 2, PATIENT);
  const json = JSON.parse((await site.run('services', '--json')).stdout);
  expect(json).toMatchObject({
    from: 'daemon',
    haproxy: { seen: true },
    counts: { services: 1, instances: 2, registered: 0, held: 2, running: 2 },
    services: [
      {
        name: 'web',
        instances: [{ id: 'one', state: 'held', why: 'store', running: true, family: 'ipv4' }, {}],
      },
    ],
  });
  expect((await site.run('services', '--diff')).stdout).toMatch(
    /^- \/services\/web\/one {2}\S+: it is not registered; held \(store\) until it is back\n- \/services\/web\/two /,
  );
  expect(await site.run('release')).toEqual({
    code: 0,
    stdout: 'released: 2 held keys are believed gone\n',
    stderr: '',
  });
  await waitFor(async () => (await held()) === 0, PATIENT);
  await waitFor(() => /2 held keys released by uid \d+/.test(daemon.output()), PATIENT);
  const askers = () =>
    daemon.log().flatMap(({ came }) => (came as { by: readonly string[] } | undefined)?.by ?? []);
  await waitFor(() => askers().some((by) => by.startsWith(`uid ${process.getuid?.()}`)), PATIENT);

  expect(await site.run('pause', '--for', '5m')).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(await readFile(path.join(state, 'pause'), 'utf8'))).toMatchObject({
    by: expect.stringMatching(/^uid \d+/),
  });
  await keys(site, { web: { late: one.address } });
  await waitFor(async () => (await site.run('services', '--diff')).stdout.startsWith('! '), PATIENT);
  expect((await site.run('services', '--diff')).stdout).toMatch(
    /^! \/services\/web\/late {2}\S+: it is served, and not in HAProxy\n$/,
  );
  expect(await site.run('resume')).toMatchObject({ code: 0, stderr: '' });
  expect(existsSync(path.join(state, 'pause'))).toBe(false);

  const until = Date.now() + 60_000;
  expect(await ask(site, 'POST', '/pause', { until })).toEqual({
    status: 400,
    body: { error: { code: 'usage', message: 'answering /pause: it is not said who asks' } },
  });
  expect(await ask(site, 'POST', '/pause', { until: 'soon', by: 'me' })).toMatchObject({ status: 400 });
  const late = { until, by: 'me', answerBy: Date.now() - 1 };
  expect(await ask(site, 'POST', '/pause', late)).toMatchObject({
    status: 500,
    body: { error: { code: 'system', message: expect.stringContaining('it came too late') } },
  });
  expect(existsSync(path.join(state, 'pause'))).toBe(false);
  expect(await ask(site, 'GET', '/pauze')).toMatchObject({
    status: 404,
    body: { error: { code: 'unknown', message: expect.stringContaining('GET /pauze') } },
  });

  await waitFor(async () => (await readFile(path.join(state, 'tree'), 'utf8')).includes('/late'), PATIENT);
  await waitFor(
    async () => (await site.run('services', '--diff')).stderr.startsWith('no difference'),
    PATIENT,
  );
  daemon.child.kill('SIGKILL');
  await daemon.ended;
  await keys(site, { web: { other: one.address } });
  const cached = await site.run('services', '--cached');
  expect(cached.stderr).toMatch(/^from the cache, which was right \d+ min ago\n$/);
  expect(cached.stdout).toMatch(/^ {2}late {2}\S+ {2}UP/m);
  expect((await site.run('services')).stdout).toMatch(/^ {2}other {2}/m);
  process.kill((await showProc(site.masterSocket)).master, 'SIGTERM');
}, 150_000);

test('where the daemon does not answer in 2 s a command does it by files, and says so; what it was asked late is not done', async () => {
  await using one = await startBackend('one');
  await using site = await makeSite();
  await keys(site, { web: { one: one.address } });
  await using daemon = await site.start();
  await daemon.ready();
  const release = path.join(site.folder, 'state', 'release');
  daemon.child.kill('SIGSTOP');
  const asked = await site.run('release');
  expect(asked).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^asked: no daemon has taken it yet/),
  });
  expect(asked.stderr).toMatch(
    /^asking the daemon on \S+\/control\.sock: no answer in 2 s; it is written down for it instead\n$/,
  );
  expect(existsSync(release)).toBe(true);
  daemon.child.kill('SIGCONT');
  await waitFor(() => !existsSync(release), PATIENT);
  expect(await site.run('release')).toMatchObject({ stdout: 'released: nothing was held\n', stderr: '' });
}, 90_000);
