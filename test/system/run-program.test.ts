import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../src/system/run-program.ts';
import { isAlive, tempFolder, waitFor } from '../support/haproxy.ts';

const TIMEOUT = 20_000;

test('a program is over when it has ended itself, whatever it leaves behind, and that lives on', async () => {
  await using folder = await tempFolder();
  const left = path.join(folder.path, 'left');
  // What is left behind holds stdout and stderr open, and goes on to write to them.
  const script = `
    (i=0; while [ $i -lt 2000 ]; do echo tick; i=$((i+1)); done; echo done > ${left}; exec sleep 30) &
    echo $! > ${left}.pid; echo started; exit 3`;
  const began = performance.now();
  const ran = await runProgram('sh', ['-c', script], { timeout: TIMEOUT });
  expect(performance.now() - began).toBeLessThan(5000);
  expect(ran).toMatchObject({ exitCode: 3, timedOut: false, said: expect.stringContaining('started') });
  expect(await waitFor(() => readFile(left, 'utf8').catch(() => null))).toBe('done\n');
  const pid = Number(await readFile(`${left}.pid`, 'utf8'));
  expect(await isAlive(pid)).toBe(true);
  process.kill(pid);
});

test('the last words of a program are never lost', async () => {
  const count = 20_000;
  const ran = await runProgram('seq', [String(count)], { timeout: TIMEOUT });
  expect(ran.said.split('\n').at(-2)).toBe(String(count));
});

test('of very much that a program says the beginning and the end are kept', async () => {
  const script = 'echo first; head -c 20000000 /dev/zero | tr "\\0" x; echo; echo last';
  const { said } = await runProgram('sh', ['-c', script], { timeout: TIMEOUT });
  expect(said.length).toBeLessThan(1_200_000);
  expect(said).toMatch(/^first\nx+\n… \d+ characters left out …\nx+\nlast\n$/);
});

test('at the limit all that a program started is ended, also what takes no notice of SIGTERM', async () => {
  await using folder = await tempFolder();
  const pids = path.join(folder.path, 'pids');
  const script = `trap '' TERM; (echo $$ >> ${pids}; while :; do sleep 0.1; done) & echo $! >> ${pids}; wait; wait`;
  const ran = await runProgram('sh', ['-c', script], { timeout: 300 });
  expect(ran).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
  for (const pid of (await readFile(pids, 'utf8')).trim().split('\n')) {
    expect(await isAlive(Number(pid))).toBe(false);
  }
});

test('at the limit the children of a program that ended at SIGTERM are ended too', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'pid');
  const script = `(trap '' TERM; while :; do sleep 0.1; done) & echo $! > ${file}; wait`;
  expect(await runProgram('sh', ['-c', script], { timeout: 300 })).toMatchObject({ timedOut: true });
  expect(await isAlive(Number(await readFile(file, 'utf8')))).toBe(false);
});

test('an abort ends it at once, and is no time limit', async () => {
  const stop = new AbortController();
  const running = runProgram('sh', ['-c', 'trap "" TERM; while :; do sleep 0.1; done'], {
    timeout: 60_000,
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(), 100);
  const began = performance.now();
  expect(await running).toMatchObject({ timedOut: false, signal: 'SIGKILL' });
  expect(performance.now() - began).toBeLessThan(2000);
  expect(await runProgram('sleep', ['60'], { timeout: 60_000, signal: stop.signal })).toMatchObject({
    exitCode: null,
  });
});

test('what cannot be run is told by its error, also where Node throws it', async () => {
  await using folder = await tempFolder();
  const tooLong = 'x'.repeat(200_000);
  const codes = [];
  for (const [command, ...args] of [['/nowhere/x'], [folder.path], ['true', tooLong]]) {
    codes.push((await runProgram(command ?? '', args, { timeout: TIMEOUT })).error?.code);
  }
  expect(codes).toEqual(['ENOENT', 'EACCES', 'E2BIG']);
});
