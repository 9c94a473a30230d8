import { writeSync } from 'node:fs';
import { chown, lstat, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { HaproxyOutput } from '../../src/haproxy/haproxy-output.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

/** Opens the output at `place` and gives what comes of a line that is written to it. */
async function linesOf(place: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const output = new HaproxyOutput(place, (line) => lines.push(line));
  try {
    await output.open();
    writeSync(output.fd, 'a word\n');
    await waitFor(() => lines.length > 0);
    return lines;
  } finally {
    output.close();
  }
}

test('what stands in the place of the pipe is replaced: a link, a file, and a pipe of another user', async () => {
  await using folder = await tempFolder();
  const [place, victim] = [path.join(folder.path, 'out'), path.join(folder.path, 'victim')];
  await writeFile(victim, 'precious\n');
  await symlink(victim, place);
  expect(await linesOf(place)).toEqual(['a word']);
  expect((await lstat(place)).isFIFO()).toBe(true);
  expect(await readFile(victim, 'utf8')).toBe('precious\n');
  const { ino } = await lstat(place);
  expect(await linesOf(place)).toEqual(['a word']);
  expect((await lstat(place)).ino).toBe(ino);
  if (process.geteuid?.() === 0) {
    await chown(place, 4321, 4321);
    expect(await linesOf(place)).toEqual(['a word']);
    expect(await lstat(place)).toMatchObject({ uid: 0, mode: 0o10600 });
  }
});

test('a pipe is not opened through a link to one', async () => {
  await using folder = await tempFolder();
  const [place, others] = [path.join(folder.path, 'out'), path.join(folder.path, 'others')];
  await execa('mkfifo', [others]);
  await symlink(others, place);
  expect(await linesOf(place)).toEqual(['a word']);
  expect((await lstat(place)).isSymbolicLink()).toBe(false);
});
