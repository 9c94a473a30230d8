import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isAlive, startBackend, startProcess, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const PATIENT = { timeout: 20_000 };

/** A mark that a script of the site makes. */
const made = (site: Site, name: string) => waitFor(() => existsSync(path.join(site.folder, name)), PATIENT);

/** A site in mode `command`. */
function commandSite(haproxy: Record<string, unknown>): Promise<Site> {
  return makeSite({ haproxy: { mode: 'command', statsSocket: '', ...haproxy } });
}

const putService = (site: Site, address: string) =>
  writeFile(path.join(site.folder, 'services.yaml'), `services: { web: { one: "${address}" } }\n`);

/** Milliseconds from SIGTERM to the end, which has to be 0. */
async function timeToStop(daemon: Daemon): Promise<number> {
  const began = performance.now();
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  return performance.now() - began;
}

test('a reload command that leaves a child behind holds up neither changes nor SIGTERM, and the child lives on', async () => {
  await using backend = await startBackend('one');
  await using site = await commandSite({
    reloadCommand: ['sh', '-c', 'sleep 600 & echo $! >> left; echo told'],
  });
  await putService(site, backend.address);
  await using daemon = await site.start();
  await daemon.ready();
  await putService(site, '127.0.0.1:9');
  await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('127.0.0.1:9 '), PATIENT);
  // A command that has not ended is ended with its group.
  const told = () => daemon.log().filter(({ outcome }) => outcome === 'unverified');
  await waitFor(() => told().length >= 2, PATIENT);
  const pids = (await readFile(path.join(site.folder, 'left'), 'utf8')).trim().split('\n').map(Number);
  expect(pids.length).toBeGreaterThanOrEqual(2);
  expect(await timeToStop(daemon)).toBeLessThan(2000);
  for (const pid of pids) {
    expect(await isAlive(pid)).toBe(true);
    process.kill(pid);
  }
});

test('a check command that leaves a child behind holds up nothing', async () => {
  await using site = await commandSite({
    reloadCommand: ['true'],
    checkCommand: ['sh', '-c', 'haproxy -c -f "$0"; R=$?; sleep 600 & echo $! > left; exit $R', '{config}'],
  });
  await putService(site, '127.0.0.1:9');
  await using daemon = await site.start();
  await daemon.ready();
  expect(await readFile(site.configPath, 'utf8')).toContain('127.0.0.1:9 ');
  expect(await timeToStop(daemon)).toBeLessThan(2000);
  process.kill(Number(await readFile(path.join(site.folder, 'left'), 'utf8')));
});

const stubborn = 'trap "" TERM; touch begun; while :; do sleep 0.1; done';

test.each([
  ['reload', { reloadCommand: ['sh', '-c', stubborn] }],
  ['check', { reloadCommand: ['true'], checkCommand: ['sh', '-c', stubborn, '{config}'] }],
])(
  'SIGTERM ends the daemon within 2 s while a %s command runs that takes no notice of it',
  async (_, haproxy) => {
    await using site = await commandSite(haproxy);
    await putService(site, '127.0.0.1:9');
    await using daemon = await site.start();
    await made(site, 'begun');
    expect(await timeToStop(daemon)).toBeLessThan(2000);
  },
);

test('a signal ends a command that runs once with a line and 1, whatever its programs do', async () => {
  await using site = await makeSite({
    haproxy: { mode: 'none', checkCommand: ['sh', '-c', stubborn, '{config}'] },
  });
  await putService(site, '127.0.0.1:9');
  const args = [MAIN, 'render', '--config', site.settingsFile];
  await using render = await startProcess(process.execPath, args, { cwd: site.folder });
  await made(site, 'begun');
  const began = performance.now();
  render.child.kill('SIGINT');
  expect(await render.ended).toBe(1);
  expect(performance.now() - began).toBeLessThan(2000);
  expect(render.output()).toBe('pointsman: stopped by SIGINT before it was done\n');
});
