import { chmod, mkdir, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { otherWriters, writersBy } from '../../src/system/other-writers.ts';
import { tempFolder } from '../support/haproxy.ts';

test('a folder of ours that we alone may write to is nobody elses, and so is one that is not there yet', async () => {
  await using temp = await tempFolder();
  expect(await otherWriters(temp.path)).toEqual({ kind: 'nobody' });
  expect(await otherWriters(path.join(temp.path, 'not', 'there'))).toEqual({ kind: 'nobody' });
  await chmod(temp.path, 0o770);
  expect(await otherWriters(temp.path)).toEqual({ kind: 'nobody' });
});

test('a folder that everybody may write to is told where it is sticky, else everybody may replace all that is in it and below', async () => {
  await using temp = await tempFolder();
  const below = path.join(temp.path, 'a', 'b');
  const link = path.join(temp.path, 'link');
  await mkdir(below, { recursive: true });
  await symlink(below, link);
  await chmod(path.join(temp.path, 'a'), 0o1777);
  expect(await otherWriters(path.join(temp.path, 'a'))).toEqual({
    kind: 'everybody',
    may: 'add',
    found: `everybody may write to ${temp.path}/a (mode 1777)`,
    hint: `chmod o-w ${temp.path}/a`,
  });
  expect(await otherWriters(below)).toEqual({ kind: 'nobody' });
  await chmod(path.join(temp.path, 'a'), 0o777);
  for (const folder of [path.join(temp.path, 'a'), below, path.join(below, 'new'), link]) {
    expect(await otherWriters(folder)).toEqual({
      kind: 'everybody',
      may: 'replace',
      found: `everybody may replace what is in ${temp.path}/a (mode 777)`,
      hint: `chmod o-w ${temp.path}/a`,
    });
  }
});

test('an owner and a group that are neither ours nor of root are told', async () => {
  await using temp = await tempFolder();
  const found = await stat(temp.path);
  expect(writersBy(temp.path, { ...found, uid: 4321 })).toMatchObject({
    kind: 'some',
    may: 'add',
    found: `uid 4321, its owner, may write to ${temp.path} (mode 700)`,
  });
  expect(writersBy(temp.path, { ...found, gid: 4321 })).toEqual({ kind: 'nobody' });
  await chmod(temp.path, 0o770);
  expect(writersBy(temp.path, { ...(await stat(temp.path)), gid: 4321 })).toMatchObject({
    kind: 'some',
    may: 'add',
    found: `the group 4321 may write to ${temp.path} (mode 770)`,
  });
});
