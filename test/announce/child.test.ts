import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startChild } from '../../src/announce/child.ts';
import { SystemError } from '../../src/errors.ts';
import { isAlive, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';

const EXEC = fileURLToPath(new URL('exec-child.ts', import.meta.url));
const umask = 0o022;

const shell = (script: string) => startChild('sh', ['-c', script], { umask });
const exec = (...command: string[]) => startProcess(process.execPath, [EXEC, ...command]);

test.each([0, 1, 7, 255])('its exit code is ours: %i', async (code) => {
  const child = await shell(`exit ${code}`);
  expect(await child.ended).toEqual({ exitCode: code, signal: null });
});

test.each([
  ['SIGKILL', 137],
  ['SIGTERM', 143],
  ['SIGSEGV', 139],
  ['SIGABRT', 134],
] as const)('a death by %s is the exit code %i, as shells have it', async (signal, exitCode) => {
  const child = await shell('exec sleep 30');
  child.send(signal);
  expect(await child.ended).toEqual({ exitCode, signal });
});

test('a signal goes on to it, it answers in its own way, and one that comes after its end is nothing', async () => {
  await using folder = await tempFolder();
  const ready = `${folder.path}/ready`;
  const child = await shell(
    `trap 'echo hup >> ${ready}' HUP; trap 'exit 5' TERM; echo > ${ready}; while :; do sleep 0.05; done`,
  );
  await waitFor(() => existsSync(ready));
  child.send('SIGHUP');
  await waitFor(async () => (await readFile(ready, 'utf8')).includes('hup'));
  child.send('SIGTERM');
  expect(await child.ended).toEqual({ exitCode: 5, signal: null });
  child.send('SIGTERM');
});

test('what a terminal sends to all does not reach it: it leads a session and a group of its own', async () => {
  const child = await shell('exec sleep 30');
  const [, , group, session] = await statOf(child.pid);
  expect([group, session]).toEqual([child.pid, child.pid]);
  child.send('SIGKILL');
  await child.ended;
});

test('its files are as open as it wants, whatever our own are', async () => {
  await using folder = await tempFolder();
  const before = process.umask(0o077);
  try {
    const child = await shell(`echo > ${folder.path}/file`);
    expect(process.umask()).toBe(0o077);
    await child.ended;
  } finally {
    process.umask(before);
  }
  expect((await stat(`${folder.path}/file`)).mode & 0o777).toBe(0o644);
});

test('its words are ours, and so is its input', async () => {
  await using ran = await exec('sh', '-c', 'echo out; echo err >&2; cat; echo end');
  expect(await ran.ended).toBe(0);
  expect(ran.output().split('\n').sort().join(' ').trim()).toBe('end err out');
});

test('it does not outlive us where we end over a bug', async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/pid`;
  await using ran = await exec('sh', '-c', `echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 30`);
  await waitFor(() => existsSync(file));
  const pid = Number(await readFile(file, 'utf8'));
  ran.child.kill('SIGUSR2');
  expect(await ran.ended).not.toBe(0);
  await waitFor(async () => !(await isAlive(pid)));
});

test.each([
  ['/nowhere/at-all', 'starting /nowhere/at-all: /nowhere/at-all is not there'],
  ['/etc/passwd', 'starting /etc/passwd: /etc/passwd may not be executed by'],
])('what cannot be run says why: %s', async (command, said) => {
  const error: unknown = await startChild(command, [], { umask }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SystemError);
  expect(error).toHaveProperty('message', expect.stringContaining(said));
});

test('arguments that are too long for the machine are said as such', async () => {
  const error: unknown = await startChild('true', ['x'.repeat(3_000_000)], { umask }).catch(
    (thrown) => thrown,
  );
  expect(error).toHaveProperty('message', 'starting true: the arguments of true are too long');
});

/** The numbers of /proc/PID/stat behind the name: state as 0, parent, group, session. */
async function statOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(0, 4).map((field) => Number(field) || 0);
}
