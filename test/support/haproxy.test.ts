import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  freePort,
  isAlive,
  request,
  showProc,
  startBackend,
  startHaproxy,
  startLoad,
  tempFolder,
  waitFor,
} from './haproxy.ts';

test('a HAProxy started for a test passes requests to a backend and is gone afterwards', async () => {
  await using folder = await tempFolder();
  await using backend = await startBackend('one');
  const port = await freePort();
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(
    configPath,
    `defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\nlisten l\n  bind 127.0.0.1:${port}\n  server one ${backend.address}\n`,
  );
  let pid = 0;
  {
    await using haproxy = await startHaproxy({ configPath });
    pid = haproxy.pid;
    expect((await showProc(haproxy.masterSocket)).master).toBe(pid);
    expect(await request(`http://127.0.0.1:${port}/`, { host: 'web' })).toMatchObject({
      status: 200,
      body: 'one',
    });
    await using load = startLoad(`http://127.0.0.1:${port}/`);
    await waitFor(() => load.ok() > 5);
    expect(load.failures()).toEqual([]);
    expect(load.bodies().get('one')).toBe(load.ok());
  }
  expect(await isAlive(pid)).toBe(false);
  expect(backend.requests()).toBeGreaterThan(5);
});

test('a HAProxy that does not start says why', async () => {
  await using folder = await tempFolder();
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(configPath, 'nonsense\n');
  await expect(startHaproxy({ configPath })).rejects.toThrow(/unknown keyword 'nonsense'/);
});
