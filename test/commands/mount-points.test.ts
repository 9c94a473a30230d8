import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mountPoints, singleFileMounts } from '../../src/commands/mount-points.ts';
import { tempFolder } from '../support/haproxy.ts';

test('mountPoints() knows what is mounted here, and reads blanks in paths', async () => {
  expect(await mountPoints()).toContain('/proc');
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'mountinfo');
  await writeFile(file, '36 35 98:0 /mnt1 /etc/my\\040ha/h.cfg rw,noatime master:1 - ext3 /dev/root rw\n');
  expect([...(await mountPoints(file))]).toEqual(['/etc/my ha/h.cfg']);
  expect([...(await mountPoints(`${file}.none`))]).toEqual([]);
});

test('a single file that is mounted is wrong as the output, and noted where it is read; a folder is fine', async () => {
  const settings = {
    output: { path: '/etc/haproxy/haproxy.cfg', mode: 0o640, owner: null, group: null, keep: 5 },
    template: '/t/a.njk',
    sources: [{ kind: 'file', path: '/s/tree.yaml' }],
    configFile: '/etc/pointsman/pointsman.yaml',
  } as unknown as Parameters<typeof singleFileMounts>[0];
  expect(await singleFileMounts(settings, new Set(['/etc/haproxy', '/t', '/s']))).toEqual([]);
  const files = ['/etc/haproxy/haproxy.cfg', '/t/a.njk', '/s/tree.yaml', '/etc/pointsman/pointsman.yaml'];
  expect(
    (await singleFileMounts(settings, new Set(files))).map(([verdict, what]) => [verdict, what]),
  ).toEqual([
    ['wrong', 'output'],
    ['note', 'template'],
    ['note', 'source'],
    ['note', 'settings'],
  ]);
  const folder = { ...settings, sources: [{ kind: 'file' as const, path: '/proc' }] };
  expect(await singleFileMounts(folder, new Set(['/proc']))).toEqual([]);
});
