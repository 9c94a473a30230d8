import { chown, link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { acquireLock, isLocked } from '../../src/state/lock.ts';
import { startProcess, tempFolder, waitFor } from '../support/haproxy.ts';

const MODULE = fileURLToPath(new URL('../../src/state/lock.ts', import.meta.url));

function requestIn(folder: string, verb = 'render') {
  return { stateDir: path.join(folder, 'state'), outputPath: path.join(folder, 'haproxy.cfg'), verb };
}

/** Another process that takes the lock, starts a detached child like HAProxy, says so, and stays. */
function holder(folder: string) {
  const script = `
    import { spawn } from 'node:child_process';
    const { acquireLock } = await import(${JSON.stringify(MODULE)});
    try {
      await acquireLock(${JSON.stringify(requestIn(folder, 'run'))});
      const child = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' });
      console.log('held child=' + child.pid);
      setInterval(() => {}, 1000);
    } catch (error) { console.log(error.name + ': ' + error.message); }`;
  return startProcess(process.execPath, ['--input-type=module', '-e', script]);
}

test('a second process is refused and told who holds the lock', async () => {
  await using folder = await tempFolder();
  await using first = await holder(folder.path);
  await waitFor(() => first.output().includes('held'));
  await expect(acquireLock(requestIn(folder.path))).rejects.toThrow(
    new RegExp(`locking .*/state/lock: another Pointsman holds it \\(run, pid ${first.pid}, since .*Z\\)$`),
  );
  process.kill(Number(/child=(\d+)/.exec(first.output())?.[1]));
});

test('a SIGKILLed holder lets go at once, though its child lives on', async () => {
  await using folder = await tempFolder();
  await using first = await holder(folder.path);
  await waitFor(() => first.output().includes('held'));
  const child = Number(/child=(\d+)/.exec(first.output())?.[1]);
  first.child.kill('SIGKILL');
  await first.ended;
  await using lock = await acquireLock(requestIn(folder.path));
  expect(lock).toBeDefined();
  process.kill(child);
});

test('of many that start together exactly one gets the lock, also over what a killed one left', async () => {
  await using folder = await tempFolder();
  await (await acquireLock(requestIn(folder.path)))[Symbol.asyncDispose]();
  const all = await Promise.all(Array.from({ length: 4 }, () => holder(folder.path)));
  await waitFor(() => all.every((one) => one.output() !== ''));
  expect(all.filter((one) => one.output().startsWith('held'))).toHaveLength(1);
  expect(all.filter((one) => one.output().startsWith('LockedError'))).toHaveLength(3);
  for (const one of all) {
    const child = Number(/child=(\d+)/.exec(one.output())?.[1] ?? 0);
    if (child > 0) {
      process.kill(child);
    }
    await one[Symbol.asyncDispose]();
  }
});

test('two that write the same output exclude each other whatever their state folders, and refused ones hold nothing', async () => {
  await using folder = await tempFolder();
  const one = requestIn(folder.path);
  const other = { ...one, stateDir: path.join(folder.path, 'other') };
  {
    await using _held = await acquireLock(one);
    await expect(acquireLock(other)).rejects.toThrow('.haproxy.cfg.lock: another Pointsman holds it');
    await using _elsewhere = await acquireLock({
      ...other,
      outputPath: path.join(folder.path, 'x', 'y.cfg'),
    });
  }
  await using _again = await acquireLock(other);
});

test('a state folder that cannot be made says why', async () => {
  await using folder = await tempFolder();
  const stateDir = path.join(folder.path, 'file');
  await execa('touch', [stateDir]);
  await mkdir(path.join(folder.path, 'ok'));
  await expect(acquireLock({ ...requestIn(folder.path), stateDir })).rejects.toThrow(
    /locking .*\/file\/lock: /,
  );
});

test('a lock that somebody put there for us, as a link, with a second name, as a pipe or of another user, is refused and not touched', async () => {
  await using folder = await tempFolder();
  const victim = path.join(folder.path, 'victim');
  await writeFile(victim, 'precious, for nobody to read\n');
  const isRoot = process.geteuid?.() === 0;
  const planted = [
    ['a link', (lock: string) => symlink(victim, lock), 'it is a symbolic link (ELOOP)'],
    ['a second name', (lock: string) => link(victim, lock), 'it is a file with a second name (a hard link)'],
    ['a pipe', (lock: string) => execa('mkfifo', [lock]), 'it is no ordinary file'],
    ...(isRoot
      ? [
          [
            'of another',
            (lock: string) => writeFile(lock, '').then(() => chown(lock, 4321, 0)),
            'it is of uid 4321',
          ] as const,
        ]
      : []),
  ] as const;
  const { stateDir, ...rest } = requestIn(folder.path);
  await mkdir(stateDir);
  for (const place of [path.join(stateDir, 'lock'), path.join(folder.path, '.haproxy.cfg.lock')]) {
    for (const [what, plant, found] of planted) {
      await rm(place, { force: true });
      await plant(place);
      const refused = await acquireLock({ stateDir, ...rest }).catch((error: unknown) => error);
      expect([what, refused]).toEqual([
        what,
        expect.objectContaining({ code: 'system', message: expect.stringContaining(found) }),
      ]);
      expect(await readFile(victim, 'utf8')).toBe('precious, for nobody to read\n');
    }
    await rm(place);
  }
  await using _lock = await acquireLock({ stateDir, ...rest });
});

test('a lock of a user of before is taken where the folder is his, and a lock that is held is not read through a link', async () => {
  await using folder = await tempFolder();
  const wanted = requestIn(folder.path);
  await mkdir(wanted.stateDir);
  if (process.geteuid?.() === 0) {
    await writeFile(path.join(wanted.stateDir, 'lock'), '');
    await chown(path.join(wanted.stateDir, 'lock'), 4321, 0);
    await chown(wanted.stateDir, 4321, 0);
  }
  await using _lock = await acquireLock(wanted);
  expect(await isLocked(wanted.stateDir)).toBe(true);
  await rm(path.join(wanted.stateDir, 'lock'));
  await symlink(path.join(folder.path, '.haproxy.cfg.lock'), path.join(wanted.stateDir, 'lock'));
  expect(await isLocked(wanted.stateDir)).toBeNull();
});
