import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { hashText } from '../../src/plan/mark.ts';
import type { RollbackWish } from '../../src/ports/stores.ts';
import { createRollbackNote } from '../../src/state/rollback-note.ts';
import { tempFolder } from '../support/haproxy.ts';

const TEXT = 'global\n  maxconn 7\n';
const WISH: RollbackWish = {
  ...{ number: 41, mode: 'today', since: 1_700_000_000_123, until: null, by: 'uid 7' },
  ...{ hash: hashText(TEXT), text: TEXT },
};

test('a rollback is read as it was written, by others too, and is the same object until another one is written', async () => {
  await using folder = await tempFolder();
  const [ours, theirs] = [createRollbackNote(folder.path), createRollbackNote(folder.path)];
  expect(await ours.read()).toBeNull();
  await theirs.write(WISH);
  const read = await ours.read();
  expect(read).toEqual(WISH);
  expect(await ours.read()).toBe(read);
  const exact = { ...WISH, mode: 'exact', until: WISH.since + 60_000 } as const;
  await theirs.write(exact);
  expect(await ours.read()).toEqual(exact);
  expect((await stat(path.join(folder.path, 'rollback'))).mode & 0o777).toBe(0o640);
  expect(await theirs.clear()).toEqual(exact);
  expect([await ours.read(), await ours.clear()]).toEqual([null, null]);
});

test('what was not written whole is none, and says so; it can be removed', async () => {
  await using folder = await tempFolder();
  const note = createRollbackNote(folder.path);
  await note.write(WISH);
  const file = path.join(folder.path, 'rollback');
  await writeFile(file, (await readFile(file, 'utf8')).replace('maxconn 7', 'maxconn 8'));
  await expect(note.read()).rejects.toThrow(/reading \S+rollback: it is no rollback that was written whole/);
  expect(await note.clear()).toBeNull();
  expect(await note.read()).toBeNull();
});
