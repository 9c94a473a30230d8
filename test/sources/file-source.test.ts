import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileSource } from '../../src/sources/file-source.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const shape = { services: ['/services'], routes: ['/routes'] };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function put(name: string, text: string) {
  return writeFile(join(folder, name), text);
}

function recorder(name = '') {
  return new SourceRecorder(fileSource({ path: join(folder, name), shape, index: 2 }));
}

test('a file gives a snapshot, then each settled change as one event', async () => {
  await put('a.yaml', 'a: 1\nb: 2\n');
  await using seen = recorder('a.yaml');
  await seen.until(() => seen.states.includes('live'));
  expect(seen.events[0]).toEqual({
    kind: 'snapshot',
    revision: 0n,
    entries: [
      { key: '/a', value: '1', source: 2, created: 0n, modified: 0n },
      { key: '/b', value: '2', source: 2, created: 0n, modified: 0n },
    ],
  });
  await put('a.yaml', 'a: 3\nc: 4\n');
  await seen.until(() => seen.tree.has('/c'));
  expect(seen.values).toEqual({ '/a': '3', '/c': '4' });
  expect(seen.changes).toHaveLength(1);
  await put('a.yaml', '# the same\nc: 4\na: 3\n');
  await put('a.yaml', 'a: 5\nc: 4\n');
  await seen.until(() => seen.values['/a'] === '5');
  expect(seen.changes).toHaveLength(2);
});

test('the files of a folder are merged by name, the later wins; others are left alone', async () => {
  await put('10.yaml', 'a: ten\nb: ten\n');
  await put('20.json', '{"b": "twenty", "c": "twenty"}');
  await put('.hidden.yaml', 'x: 1\n');
  await put('notes.txt', 'x: 1\n');
  await mkdir(join(folder, 'sub.yaml'));
  await using seen = recorder();
  await seen.until(() => seen.states.includes('live'));
  expect(seen.values).toEqual({ '/a': 'ten', '/b': 'twenty', '/c': 'twenty' });

  await put('15.yml', 'b: fifteen\nd: fifteen\n');
  await seen.until(() => seen.tree.has('/d'));
  expect(seen.values['/b']).toBe('twenty');
  await rm(join(folder, '20.json'));
  await seen.until(() => !seen.tree.has('/c'));
  expect(seen.values).toEqual({ '/a': 'ten', '/b': 'fifteen', '/d': 'fifteen' });
  await rename(join(folder, '15.yml'), join(folder, '05.yml'));
  await seen.until(() => seen.values['/b'] === 'ten');
  expect(seen.values).toEqual({ '/a': 'ten', '/b': 'ten', '/d': 'fifteen' });
});

test('a broken file keeps its last good content, says file and line, and is live again when mended', async () => {
  await put('a.yaml', 'a: 1\n');
  await put('b.yaml', 'b: 1\n');
  await using seen = recorder();
  await seen.until(() => seen.states.includes('live'));
  await put('a.yaml', 'a: 2\nx: [1\n');
  await seen.until(() => seen.states.at(-1) === 'stale');
  const told = seen.events.at(-1);
  expect(told?.kind === 'state' && told.error?.message).toContain(`reading ${join(folder, 'a.yaml')}:3: `);
  await put('b.yaml', 'b: 2\n');
  await seen.until(() => seen.values['/b'] === '2');
  expect(seen.values).toEqual({ '/a': '1', '/b': '2' });
  await put('a.yaml', 'a: 3\n');
  await seen.until(() => seen.states.at(-1) === 'live');
  expect(seen.values).toEqual({ '/a': '3', '/b': '2' });
  expect(seen.states).toEqual(['live', 'stale', 'live']);
});

test('a file that is written in steps is not believed half', async () => {
  await put('a.yaml', 'a: 1\nb: 1\n');
  await using seen = recorder('a.yaml');
  await seen.until(() => seen.states.includes('live'));
  const file = await open(join(folder, 'a.yaml'), 'w');
  for (const part of ['a: 2\n', 'b: {c: ', '2}\n', 'd: 2\n']) {
    await file.write(part);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  await file.close();
  await seen.until(() => seen.tree.has('/d'));
  expect(seen.changes).toHaveLength(1);
  expect(seen.states).toEqual(['live']);
});

test('a file that is not there yet is waited for, and one that goes away keeps its keys', async () => {
  await using seen = recorder('later/a.yaml');
  await seen.until(() => seen.states.at(-1) === 'connecting');
  const told = seen.events.at(-1);
  expect(told?.kind === 'state' && told.error?.message).toContain('a.yaml: it is not there');
  await mkdir(join(folder, 'later'));
  await put('later/a.yaml', 'a: 1\n');
  await seen.until(() => seen.states.at(-1) === 'live');
  await rm(join(folder, 'later'), { recursive: true });
  await seen.until(() => seen.states.at(-1) === 'stale');
  expect(seen.values).toEqual({ '/a': '1' });
  await mkdir(join(folder, 'later'));
  await put('later/a.yaml', 'a: 2\n');
  await seen.until(() => seen.states.at(-1) === 'live');
  expect(seen.values).toEqual({ '/a': '2' });
});

test('no snapshot is given while a file cannot be read', async () => {
  await put('a.yaml', 'a: 1\n');
  await put('b.yaml', 'b: [\n');
  await using seen = recorder();
  await seen.until(() => seen.states.at(-1) === 'connecting');
  expect(seen.snapshots).toEqual([]);
  await put('b.yaml', 'b: 1\n');
  await seen.until(() => seen.states.at(-1) === 'live');
  expect(seen.snapshots).toHaveLength(1);
  expect(seen.values).toEqual({ '/a': '1', '/b': '1' });
});

test('files replaced by a rename, and folders swapped by a link, are followed', async () => {
  await mkdir(join(folder, '..one'));
  await mkdir(join(folder, '..two'));
  await put('..one/a.yaml', 'a: 1\n');
  await put('..two/a.yaml', 'a: 2\n');
  await symlink('..one', join(folder, '..data'));
  await symlink('..data/a.yaml', join(folder, 'a.yaml'));
  await put('b.yaml', 'b: 1\n');
  await using seen = recorder();
  await seen.until(() => seen.states.includes('live'));
  await put('b.yaml.new', 'b: 2\n');
  await rename(join(folder, 'b.yaml.new'), join(folder, 'b.yaml'));
  await seen.until(() => seen.values['/b'] === '2');
  await symlink('..two', join(folder, '..new'));
  await rename(join(folder, '..new'), join(folder, '..data'));
  await seen.until(() => seen.values['/a'] === '2');
  expect(seen.states).toEqual(['live']);
});

test('read() gives everything or says what is wrong', async () => {
  const source = fileSource({ path: folder, shape, index: 0 });
  const signal = AbortSignal.timeout(10_000);
  expect(await source.read(signal)).toEqual([]);
  await put('a.yaml', 'a: 1\nb: null\n');
  await expect(source.read(signal)).rejects.toThrow('a.yaml:2: a value is missing');
  await put('a.yaml', '');
  await expect(source.read(signal)).rejects.toThrow('a.yaml: it is empty');
  await rm(folder, { recursive: true });
  await expect(source.read(signal)).rejects.toThrow('it is not there');
});

test('an abort ends the watch at once', async () => {
  const seen = recorder();
  await seen.until(() => seen.states.includes('live'));
  const began = performance.now();
  await seen.stop();
  expect(performance.now() - began).toBeLessThan(200);
});
