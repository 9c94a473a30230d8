import { readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const WAIT = { timeout: 30_000 };

function ask(socketPath: string, path: string, host = 'localhost') {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | undefined; body: string }>();
  request({ socketPath, path, agent: false, headers: { host } }, (answer) => {
    text(answer).then((body) => resolve({ code: answer.statusCode, body }), reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

test('whoever may open the Unix socket sees the configuration and diffs without a token, over TCP nobody does; it goes with the daemon', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' } });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { one: "127.0.0.1:1" } }\n');
  const socket = path.join(site.folder, 'state', 'status.sock');
  await using daemon = await site.start();
  await daemon.ready();
  const seen = await stat(socket);
  expect([seen.isSocket(), seen.mode & 0o777, seen.uid]).toEqual([true, 0o600, process.getuid?.()]);
  const config = await ask(socket, '/config');
  expect(config).toEqual({ code: 200, body: await readFile(site.configPath, 'utf8') });
  await waitFor(
    async () => (await ask(socket, '/api/history?diffs=1')).body.includes('+  server one '),
    WAIT,
  );
  const page = await ask(socket, '/');
  expect([page.code, page.body.includes('<title>Pointsman</title>')]).toEqual([200, true]);
  expect((await ask(socket, '/config', 'evil.example.com')).code).toBe(421);
  const tcp = `http://127.0.0.1:${site.statusPort}`;
  expect((await fetch(`${tcp}/config`)).status).toBe(403);
  expect(await (await fetch(`${tcp}/api/history/1`)).text()).not.toContain('server one');
  daemon.child.kill('SIGTERM');
  await daemon.ended;
  await expect(stat(socket)).rejects.toThrow('ENOENT');
}, 120_000);

test('status.socket names another one, or none', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' } });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { one: "127.0.0.1:1" } }\n');
  const other = path.join(site.folder, 'page.sock');
  const start = (place: string) => site.start({ flags: ['--set', `status.socket=${place}`] });
  const usual = path.join(site.folder, 'state', 'status.sock');
  for (const [place, there] of [
    [other, true],
    ['', false],
  ] as const) {
    await using daemon = await start(place);
    await daemon.ready();
    expect((await stat(other).catch(() => null))?.isSocket() ?? false).toBe(there);
    await expect(stat(usual)).rejects.toThrow('ENOENT');
    daemon.child.kill('SIGTERM');
    await daemon.ended;
  }
}, 120_000);
