import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLeaseFile } from '../../src/announce/lease-file.ts';
import { machineId } from '../../src/announce/machine-id.ts';
import { tempFolder } from '../support/haproxy.ts';

const LEASE = { lease: '7587848390654431239', asked: 300 };

test('a lease is kept for each owner by itself, for nobody else to read', async () => {
  await using folder = await tempFolder();
  const told: Error[] = [];
  const stateDir = path.join(folder.path, 'made');
  const open = (owner: string) => createLeaseFile(stateDir, owner, (error) => told.push(error));
  await open('a').write(LEASE);
  expect(await open('a').read()).toEqual(LEASE);
  expect(await open('b').read()).toBeNull();
  await open('a').remove();
  expect(await open('a').read()).toBeNull();
  expect((await stat(stateDir)).mode & 0o007).toBe(0);
  expect(told).toEqual([]);
});

test.each([
  '',
  'no JSON',
  'null',
  '[]',
  '{"version":2,"lease":"7","asked":300}',
  '{"version":1,"lease":"-7","asked":300}',
  '{"version":1,"lease":7,"asked":300}',
])('a file that says %j is none: the lease runs out by itself', async (text) => {
  await using folder = await tempFolder();
  const file = createLeaseFile(folder.path, 'a', () => undefined);
  await file.write(LEASE);
  const [name = ''] = await readdir(folder.path);
  await writeFile(path.join(folder.path, name), text);
  expect(await file.read()).toBeNull();
});

test('a machine is called by its machine id, else by one that is made once, else by its name', async () => {
  await using folder = await tempFolder();
  const id = path.join(folder.path, 'id');
  await writeFile(id, '2f6c0e5d8a1b4c7f9d3e6a5b8c7d0e1f\n');
  expect(await machineId(folder.path, id)).toBe('2f6c0e5d8a1b4c7f9d3e6a5b8c7d0e1f');
  // What systemd writes into an image, until its first boot.
  await writeFile(id, 'uninitialized\n');
  const made = await machineId(folder.path, id);
  expect(made).toMatch(/^[0-9a-f]{32}$/);
  expect(await machineId(folder.path, id)).toBe(made);
  expect(await readFile(path.join(folder.path, 'machine-id'), 'utf8')).toBe(`${made}\n`);
  expect(await machineId(path.join(id, 'below'), path.join(folder.path, 'none'))).toBe(hostname());
});
