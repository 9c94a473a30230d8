import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { PointsmanError } from '../../src/errors.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { type ConfigFileSettings, createConfigFile, keptVersions } from '../../src/state/config-file.ts';
import { resolveAccess } from '../../src/state/file-owner.ts';
import { explainFileError } from '../../src/system/file-error.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';
import { replaceFile } from '../support/replace-file.ts';

function fileIn(folder: string, settings: Partial<ConfigFileSettings> = {}) {
  const stateDir = path.join(folder, 'state');
  return createConfigFile({
    path: path.join(folder, 'haproxy.cfg'),
    access: {},
    keep: 3,
    stateDir,
    ...settings,
  });
}

test('a published text is read back; a file that is not there is null', async () => {
  await using folder = await tempFolder();
  const file = fileIn(folder.path);
  expect(await file.read()).toBeNull();
  await file.publish('one\n');
  expect(await file.read()).toBe('one\n');
  expect((await stat(file.path)).mode & 0o777).toBe(0o640);
  expect(await readdir(folder.path)).toEqual(['haproxy.cfg']);
});

test('publishing gives what somebody else wrote since it was last read or published', async () => {
  await using folder = await tempFolder();
  const file = fileIn(folder.path);
  await file.read();
  expect(await file.publish('one\n')).toBeNull();
  expect(await file.publish('two\n')).toBeNull();
  await writeFile(file.path, 'mine\n');
  expect(await file.publish('three\n')).toBe('mine\n');
  await replaceFile(file.path, 'four\n');
  expect(await file.publish('five\n')).toBe('four\n');
  await writeFile(file.path, 'read\n');
  await file.read();
  expect(await file.publish('six\n')).toBeNull();
  await rm(file.path);
  expect(await file.publish('seven\n')).toBeNull();
});

test('a reader sees the old text or the new one and never a part', async () => {
  await using folder = await tempFolder();
  const file = fileIn(folder.path);
  const texts = ['a', 'b'].map((letter) => `${letter.repeat(200_000)}\n`);
  await file.publish(texts[0] ?? '');
  let reading = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (reading) {
      seen.add(await readFile(file.path, 'utf8'));
    }
  })();
  for (let turn = 0; turn < 20; turn += 1) {
    await file.publish(texts[turn % 2] ?? '');
  }
  await waitFor(() => seen.size > 0);
  reading = false;
  await reader;
  expect([...seen].every((text) => texts.includes(text))).toBe(true);
});

test('mode and owner stay what they were, unless they are set', async () => {
  await using folder = await tempFolder();
  const target = path.join(folder.path, 'haproxy.cfg');
  await writeFile(target, 'old\n');
  await chmod(target, 0o604);
  await fileIn(folder.path).publish('new\n');
  expect((await stat(target)).mode & 0o777).toBe(0o604);
  const access = await resolveAccess({ mode: '0660', group: String(process.getgid?.()) });
  await fileIn(folder.path, { access }).publish('newer\n');
  const now = await stat(target);
  expect([now.mode & 0o777, now.uid, now.gid]).toEqual([0o660, process.getuid?.(), process.getgid?.()]);
});

test('names of users and groups are resolved, and unknown ones are named', async () => {
  await using folder = await tempFolder();
  const passwd = path.join(folder.path, 'passwd');
  const group = path.join(folder.path, 'group');
  await writeFile(passwd, 'root:x:0:0::/root:/bin/sh\nhaproxy:x:101:102::/:/bin/false\n');
  await writeFile(group, 'haproxy:x:102:\n');
  const databases = { passwd, group };
  const output = { mode: '0640', owner: 'haproxy', group: 'haproxy' };
  expect(await resolveAccess(output, databases)).toEqual({ mode: 0o640, uid: 101, gid: 102 });
  expect(await resolveAccess({ owner: 7, group: '8' }, databases)).toEqual({
    mode: undefined,
    uid: 7,
    gid: 8,
  });
  await expect(resolveAccess({ group: 'nobodies' }, databases)).rejects.toThrow(
    `output.group: there is no "nobodies" in ${group}`,
  );
});

test('a folder that is not there is an error that names path, reason and what to do', async () => {
  const failed = await fileIn('/nowhere/at/all')
    .publish('x\n')
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(PointsmanError);
  expect(failed).toMatchObject({
    code: 'system',
    message: expect.stringMatching(
      /^writing \/nowhere\/at\/all\/\.haproxy.*: the folder does not exist \(ENOENT\)$/,
    ),
    hint: expect.stringContaining('Make the folder'),
  });
});

test('a target that is itself a mount point says to mount the folder, and keeps its text', async () => {
  await using folder = await tempFolder();
  const target = path.join(folder.path, 'haproxy.cfg');
  const source = path.join(folder.path, 'elsewhere.cfg');
  await writeFile(target, '');
  await writeFile(source, 'mounted\n');
  const module = fileURLToPath(new URL('../../src/state/config-file.ts', import.meta.url));
  const script = `
    const { createConfigFile } = await import(${JSON.stringify(module)});
    const settings = { path: ${JSON.stringify(target)}, access: {}, keep: 0, stateDir: '/nowhere' };
    await createConfigFile(settings).publish('new\\n').catch((error) => console.log(error.message + '|' + error.hint));`;
  const mount = `mount --bind "$1" "$2" && exec "$3" --input-type=module -e "$4"`;
  const { stdout } = await execa('unshare', [
    '-rm',
    'sh',
    '-c',
    mount,
    'sh',
    source,
    target,
    process.execPath,
    script,
  ]);
  expect(stdout).toBe(
    `putting ${target} in place: it is itself a mount point (EBUSY)|Mount the folder into the container, not the single file.`,
  );
  expect(await readFile(source, 'utf8')).toBe('mounted\n');
  expect(await readdir(folder.path)).toEqual(['elsewhere.cfg', 'haproxy.cfg']);
});

test.each(['EACCES', 'EPERM', 'ENOSPC', 'EROFS'])('%s has a reason and a hint of its own', (code) => {
  const cause = Object.assign(new Error('raw words'), { code });
  const told = explainFileError(cause, 'writing /x');
  expect(told).toMatchObject({ code: 'system', cause, hint: expect.any(String) });
  expect(told.message).not.toContain('raw words');
});

test('a kept version says when it was good, also where the clock was set back, and goes on behind those with names of before', async () => {
  await using folder = await tempFolder();
  const stateDir = path.join(folder.path, 'state');
  await mkdir(path.join(stateDir, 'versions'), { recursive: true });
  const old = (at: number) => path.join(stateDir, 'versions', `00017000000000${at}-0123456789abcde${at}.cfg`);
  for (const at of [1, 2, 3]) {
    await writeFile(old(at), 'old\n');
  }
  const file = fileIn(folder.path);
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    for (const [text, time] of [
      ['a\n', '2026-03-01T14:30:12.345Z'],
      ['b\n', '2026-02-28T00:00:00Z'],
    ] as const) {
      vi.setSystemTime(new Date(time));
      await file.keep(withMark(text));
    }
  } finally {
    vi.useRealTimers();
  }
  expect((await keptVersions(stateDir)).map(({ name }) => name)).toEqual([
    '000170000000003-0123456789abcde3.cfg',
    `20260301T143012.345Z-${hashText('a\n')}.cfg`,
    `20260301T143012.346Z-${hashText('b\n')}.cfg`,
  ]);
});

test('the last good versions are kept, each once, the oldest dropped', async () => {
  await using folder = await tempFolder();
  const file = fileIn(folder.path);
  const stateDir = path.join(folder.path, 'state');
  const kept = async () => {
    const versions = await keptVersions(stateDir);
    return Promise.all(versions.map(async (one) => (await readFile(one.path, 'utf8')).slice(0, 1)));
  };
  expect(await kept()).toEqual([]);
  for (const text of ['a\n', 'b\n', 'c\n', 'd\n']) {
    await file.keep(withMark(text));
  }
  expect(await kept()).toEqual(['b', 'c', 'd']);
  await file.keep(withMark('c\n'));
  expect(await kept()).toEqual(['b', 'd', 'c']);
  await fileIn(folder.path, { keep: 1 }).keep(withMark('e\n'));
  expect(await kept()).toEqual(['e']);
  await fileIn(folder.path, { keep: 0 }).keep(withMark('f\n'));
  expect(await kept()).toEqual([]);
});
