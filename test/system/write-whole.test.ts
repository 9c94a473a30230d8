import { chmod, lstat, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from '../../src/system/write-whole.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

test('a reader sees the old text or the new one and never a part', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'state');
  const texts = ['a', 'b'].map((letter) => `${letter.repeat(200_000)}\n`);
  await writeWhole(file, texts[0] ?? '');
  let reading = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (reading) {
      seen.add(await readFile(file, 'utf8'));
    }
  })();
  for (let turn = 0; turn < 20; turn += 1) {
    await writeWhole(file, texts[turn % 2] ?? '', { outlives: turn < 10 ? 'our crash' : 'power cut' });
  }
  await waitFor(() => seen.size > 0);
  reading = false;
  await reader;
  expect([...seen].every((text) => texts.includes(text))).toBe(true);
  expect(await readdir(folder.path)).toEqual(['state']);
});

test('parts are written in their order, with mode and owner as asked, else as the file has them, else 0640', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'state');
  await writeWhole(file, ['one\n', 'two\n']);
  expect(await readFile(file, 'utf8')).toBe('one\ntwo\n');
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  await chmod(file, 0o604);
  await writeWhole(file, 'three\n');
  expect((await stat(file)).mode & 0o777).toBe(0o604);
  await writeWhole(file, 'four\n', { mode: 0o600 });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('what killed runs left beside it goes, also under a name that all files of a folder share', async () => {
  await using folder = await tempFolder();
  // No process has this number.
  const left = ['.state.pointsman-4194305-1', '.kept.pointsman-4194305-7'];
  const alive = '.state.pointsman-1-1';
  const anothers = '.other.pointsman-4194305-1';
  for (const name of [...left, alive, anothers]) {
    await writeFile(path.join(folder.path, name), 'half');
  }
  await writeWhole(path.join(folder.path, 'state'), 'whole\n');
  await writeWhole(path.join(folder.path, '1.cfg'), 'whole\n', { base: 'kept' });
  expect((await readdir(folder.path)).sort()).toEqual([anothers, alive, '1.cfg', 'state'].sort());
});

test('where it cannot take its place, the old text stays, nothing is left behind, and the error says what was done', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'state');
  await mkdir(file);
  const failed = await writeWhole(file, 'x\n', { doing: 'writing it' }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'system', message: 'writing it: it is a folder (EISDIR)' });
  await expect(writeWhole(path.join(folder.path, 'no', 'folder'), 'x\n')).rejects.toThrow(
    /the folder does not exist/,
  );
  expect(await readdir(folder.path)).toEqual(['state']);
});

test('nobody can know the name of what is not yet in its place, and nothing follows a link that stands there', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'state');
  const victim = path.join(folder.path, 'victim');
  await writeFile(victim, 'precious\n');
  await chmod(victim, 0o4777);
  await symlink(victim, file);
  const names: string[] = [];
  const place = async (temp: string) => {
    names.push(path.basename(temp));
    await rename(temp, file);
  };
  await writeWhole(file, 'one\n', { place });
  expect((await lstat(file)).isFile()).toBe(true);
  expect((await stat(file)).mode & 0o7777).toBe(0o640);
  expect(await readFile(victim, 'utf8')).toBe('precious\n');
  await writeWhole(file, 'two\n', { place });
  const random = names.map((name) => /^\.state\.pointsman-\d+-([0-9a-f]{16})$/.exec(name)?.[1]);
  expect(random).not.toContain(undefined);
  expect(new Set(random).size).toBe(2);
});

test('a file that is replaced leaves its set-user-id bits behind', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'state');
  await writeFile(file, 'one\n');
  await chmod(file, 0o6755);
  await writeWhole(file, 'two\n');
  expect((await stat(file)).mode & 0o7777).toBe(0o755);
});
