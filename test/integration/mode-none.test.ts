import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeSite } from '../support/pointsman.ts';

test('in mode none a start that finds its very file there is ready: the file is all there is', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' } });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: "127.0.0.1:1" } }');
  const applied = async () => {
    await using daemon = await site.start();
    await daemon.ready();
    const { pending, applied: now } = await daemon.status();
    expect(pending).toBeNull();
    return now;
  };
  const first = await applied();
  expect(first).toMatchObject({ kind: 'file' });
  expect(await applied()).toEqual(first);
});
