import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createCrashFile } from '../../src/state/crash-file.ts';
import { readRows } from '../../src/state/state-file.ts';
import { entry } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';

const INPUT = { where: 'a pass', stack: 'TypeError: no\n    at f', running: 'global\n', installedText: null };

test('keeps the input of the last crash alone, for its owner alone', async () => {
  await using folder = await tempFolder();
  const stateDir = path.join(folder.path, 'state');
  const file = createCrashFile({ stateDir, version: '1.2.3' });
  await file.keep({ ...INPUT, keys: [entry('/services/web/a', 'secret', 1)] });
  const kept = await file.keep({ ...INPUT, where: 'the loop', keys: [entry('/services/web/b', 'x', 7)] });
  expect(await readdir(stateDir)).toEqual([path.basename(kept)]);
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  expect(await readFile(kept, 'utf8')).not.toContain('secret');
  expect(await readRows(kept, 'crash')).toMatchObject({
    kind: 'good',
    meta: {
      where: 'the loop',
      stack: INPUT.stack,
      version: '1.2.3',
      running: 'global\n',
      installedText: null,
    },
    rows: [['/services/web/b', 'x', expect.any(String), expect.any(String)]],
  });
});

test('says with a path and a reason where it cannot be kept', async () => {
  await using folder = await tempFolder();
  await chmod(folder.path, 0o755);
  const file = createCrashFile({ stateDir: path.join(folder.path, 'not-there', '\0'), version: '1' });
  await expect(file.keep({ ...INPUT, keys: [] })).rejects.toMatchObject({ code: 'system' });
});
