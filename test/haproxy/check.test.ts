import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createJudge, type JudgeSettings } from '../../src/haproxy/check.ts';
import { excerpt } from '../../src/plan/excerpt.ts';
import { freePort, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

function judgeIn(folder: string, settings: Partial<JudgeSettings> = {}) {
  const checkCommand = ['haproxy', '-c', '-f', '{config}'];
  return createJudge({
    path: path.join(folder, 'haproxy.cfg'),
    access: {},
    checkCommand,
    checkTimeout: 20_000,
    ...settings,
  });
}

describe.each(haproxyVersions)('on HAProxy $name', ({ path: binary }) => {
  const checkCommand = [binary, '-c', '-f', '{config}'];

  test('check() accepts a good text and leaves nothing behind', async () => {
    await using folder = await tempFolder();
    const verdict = await judgeIn(folder.path, { checkCommand }).check(
      simpleConfig({ port: await freePort() }),
      never,
    );
    expect(verdict).toEqual({ kind: 'accepted', warnings: '' });
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('check() accepts a text with warnings and tells them', async () => {
    await using folder = await tempFolder();
    const text =
      `${simpleConfig({ port: await freePort() })}backend slow\n  server one 127.0.0.1:1\n`.replaceAll(
        /^ {2}timeout.*\n/gm,
        '',
      );
    const verdict = await judgeIn(folder.path, { checkCommand }).check(text, never);
    expect(verdict.kind === 'accepted' && verdict.warnings).toMatch(/missing timeouts/);
    expect(verdict.kind === 'accepted' && verdict.warnings).not.toMatch(/Configuration file is valid/);
  });

  test("check() refuses in HAProxy's own words, with the target's path and every line that it names", async () => {
    await using folder = await tempFolder();
    const good = simpleConfig({ port: await freePort() });
    const text = `${good}backend a\n  server one 10.0.0.1:99999\nbackend b\n  nonsense\n`;
    const verdict = await judgeIn(folder.path, { checkCommand }).check(text, never);
    expect(verdict.kind).toBe('refused');
    if (verdict.kind !== 'refused') {
      return;
    }
    const first = good.split('\n').length + 1;
    expect(verdict.lines).toEqual([first, first + 2]);
    expect(verdict.output).toContain(`[${folder.path}/haproxy.cfg:${first}]`);
    expect(verdict.output).not.toContain('pointsman-');
    expect(excerpt(text, verdict.lines).map((line) => line.replace(/\s+/g, ' '))).toEqual([
      `${first} | server one 10.0.0.1:99999`,
      `${first + 2} | nonsense`,
    ]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('check() refuses a text that listens nowhere', async () => {
    await using folder = await tempFolder();
    const verdict = await judgeIn(folder.path, { checkCommand }).check('global\n', never);
    expect(verdict.kind).toBe('refused');
  });
});

test('a line that only a warning names is not blamed', async () => {
  await using folder = await tempFolder();
  const script = path.join(folder.path, 'judge.sh');
  await writeFile(
    script,
    '#!/bin/sh\necho "[WARNING] (1) : config : [$1:3] : old"\necho "[ALERT] (1) : config : parsing [$1:7] : bad"\nexit 1\n',
  );
  const verdict = await judgeIn(folder.path, { checkCommand: ['sh', script, '{config}'] }).check(
    'x\n',
    never,
  );
  expect(verdict).toMatchObject({ kind: 'refused', lines: [7] });
});

test('the check is broken, not refused, where the binary is missing', async () => {
  await using folder = await tempFolder();
  const verdict = await judgeIn(folder.path, { checkCommand: ['/nowhere/haproxy', '{config}'] }).check(
    'x\n',
    never,
  );
  expect(verdict).toEqual({
    kind: 'broken',
    message:
      'checking with "/nowhere/haproxy {config}": /nowhere/haproxy is not there. Install HAProxy, or correct haproxy.checkCommand.',
  });
});

test('the check is broken where the program may not be executed or could not be run', async () => {
  await using folder = await tempFolder();
  const script = path.join(folder.path, 'judge.sh');
  await writeFile(script, '#!/bin/sh\nexit 0\n');
  await chmod(script, 0o644);
  const denied = await judgeIn(folder.path, { checkCommand: [script, '{config}'] }).check('x\n', never);
  expect(denied).toMatchObject({ kind: 'broken', message: expect.stringContaining('may not be executed') });
  const shell = await judgeIn(folder.path, { checkCommand: ['sh', '-c', 'no-such-program'] }).check(
    'x\n',
    never,
  );
  expect(shell).toMatchObject({ kind: 'broken', message: expect.stringContaining('exit code 127') });
});

test('a check that takes too long is ended and says what may block it', async () => {
  await using folder = await tempFolder();
  const settings = { checkCommand: ['sleep', '60'], checkTimeout: 200 };
  const started = Date.now();
  const verdict = await judgeIn(folder.path, settings).check('x\n', never);
  expect(verdict).toMatchObject({ kind: 'broken', message: expect.stringContaining('no verdict in 0.2 s') });
  expect(Date.now() - started).toBeLessThan(5000);
  expect(await readdir(folder.path)).toEqual([]);
});

test('a check in a folder that is not there is broken and says what to do', async () => {
  const verdict = await judgeIn('/nowhere/at/all').check('x\n', never);
  expect(verdict).toMatchObject({
    kind: 'broken',
    message: expect.stringContaining('the folder does not exist (ENOENT). Make the folder'),
  });
});

test('an aborted check rejects, and leaves no candidate', async () => {
  await using folder = await tempFolder();
  const abort = new AbortController();
  const checked = judgeIn(folder.path, { checkCommand: ['sleep', '60'] }).check('x\n', abort.signal);
  setTimeout(() => abort.abort(), 50);
  await expect(checked).rejects.toThrow(/abort/i);
  expect(await readdir(folder.path)).toEqual([]);
});

test('the candidate has the mode that the target has', async () => {
  await using folder = await tempFolder();
  const target = path.join(folder.path, 'haproxy.cfg');
  await writeFile(target, 'old\n');
  await chmod(target, 0o604);
  const checkCommand = ['sh', '-c', 'stat -c %a "$1" >&2; exit 1', 'sh', '{config}'];
  const verdict = await judgeIn(folder.path, { checkCommand }).check('x\n', never);
  expect(verdict).toMatchObject({ output: '604' });
  expect(await readFile(target, 'utf8')).toBe('old\n');
  expect((await stat(target)).mode & 0o777).toBe(0o604);
});

test('the first check removes what a killed run left, and nothing that lives or is not ours', async () => {
  await using folder = await tempFolder();
  const dead = '.haproxy.cfg.pointsman-4194303-1';
  const alive = `.haproxy.cfg.pointsman-${process.ppid}-1`;
  const others = ['.haproxy.cfg.pointsman-notes', 'haproxy.cfg', '.other.cfg.pointsman-4194303-1'];
  for (const name of [dead, alive, ...others]) {
    await writeFile(path.join(folder.path, name), '');
  }
  await judgeIn(folder.path, { checkCommand: ['true'] }).check('x\n', never);
  expect((await readdir(folder.path)).sort()).toEqual([alive, ...others].sort());
});
