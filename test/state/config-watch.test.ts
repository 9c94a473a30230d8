import { appendFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createConfigFile } from '../../src/state/config-file.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

test('a config file tells what others do to it, and not what we do', async () => {
  await using folder = await tempFolder();
  const target = path.join(folder.path, 'haproxy.cfg');
  await writeFile(target, 'a\n');
  const file = createConfigFile({
    path: target,
    access: {},
    keep: 1,
    stateDir: path.join(folder.path, 'state'),
  });
  await file.read();
  const stop = new AbortController();
  let seen = 0;
  const watching = (async () => {
    for await (const _ of file.watch(stop.signal)) {
      seen += 1;
    }
  })();
  const touched = (count: number) => waitFor(() => seen === count, { what: `${count} touches` });

  await file.publish('b\n');
  await appendFile(target, '# mine\n');
  await touched(1);
  await file.publish('b\n');
  await rm(target);
  await touched(2);
  await file.publish('b\n');
  await rm(target);
  await touched(3);
  await writeFile(target, 'b\n');
  await touched(4);
  await utimes(target, 1, 1);
  await touched(5);
  stop.abort();
  await watching;
  expect(seen).toBe(5);
});

test('hand edits are kept each once, readable by their owner alone', async () => {
  await using folder = await tempFolder();
  const file = createConfigFile({
    path: path.join(folder.path, 'x.cfg'),
    access: {},
    keep: 1,
    stateDir: folder.path,
  });
  const one = await file.keepEdit('one\n');
  expect(await file.keepEdit('one\n')).toBe(one);
  expect(await file.keepEdit('two\n')).not.toBe(one);
  expect(one).toMatch(/hand-edits\/\d{8}T\d{6}Z-[0-9a-f]{16}\.cfg$/);
});
