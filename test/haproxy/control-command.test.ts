import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createControl } from '../../src/haproxy/control.ts';
import { controlByCommand } from '../../src/haproxy/control-command.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { freePort, isAlive, request, startHaproxy, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

async function setUp(folder: string, socketInText: 'with' | 'without' = 'with') {
  const port = await freePort();
  const configPath = path.join(folder, 'haproxy.cfg');
  const pidFile = path.join(folder, 'haproxy.pid');
  const statsSocket = path.join(folder, 'stats.sock');
  const write = async (answer: string) => {
    const text = simpleConfig({ port, answer, ...(socketInText === 'with' ? { statsSocket } : {}) });
    await writeFile(configPath, withMark(text));
    return hashText(text);
  };
  const mark = await write('start');
  // $1 is {config}: the command gets the path as one word, whatever is in it.
  const reloadCommand = [
    'sh',
    '-c',
    `test "$1" = ${configPath} && kill -USR2 $(cat ${pidFile}) && echo sent`,
    'sh',
    '{config}',
  ];
  const control = controlByCommand({ reloadCommand, statsSocket, configPath });
  return { configPath, pidFile, statsSocket, write, mark, control, url: `http://127.0.0.1:${port}/` };
}

describe.each(haproxyVersions)('on HAProxy $name', ({ path: binary }) => {
  test('the command is run without a shell of ours, and what came of it is seen on the stats socket', async () => {
    await using folder = await tempFolder();
    const { control, write, mark, url, configPath, pidFile } = await setUp(folder.path);
    await using _haproxy = await startHaproxy({ binary, configPath, pidFile });
    await waitFor(async () => (await control.state(never)).kind === 'running');
    expect(await control.state(never)).toMatchObject({ kind: 'running', mark });
    for (const answer of ['one', 'two']) {
      const outcome = await control.reload(await write(answer), never);
      expect(outcome).toMatchObject({ kind: 'verified', log: 'sent' });
      expect((await request(url)).body).toBe(answer);
    }
  });

  test('the stats socket is found however the text writes it', async () => {
    await using folder = await tempFolder();
    const { control, url, configPath, pidFile, statsSocket } = await setUp(folder.path);
    await using _haproxy = await startHaproxy({ binary, configPath, pidFile });
    const port = Number(new URL(url).port);
    for (const written of [`"${statsSocket}"`, `'${statsSocket}' # ours`, `unix@"${statsSocket}"`]) {
      const plain = simpleConfig({ port, answer: 'new', statsSocket });
      const text = plain.replace(`${statsSocket} mode 600 level admin`, written);
      for (const form of [text, text.replaceAll('\n', '\r\n'), text.trimEnd()]) {
        await writeFile(configPath, withMark(form));
        expect(await control.reload(hashText(form), never)).toMatchObject({ kind: 'verified' });
        expect(await control.state(never)).toMatchObject({ kind: 'running', mark: hashText(form) });
      }
    }
  });

  test('where the text opens another stats socket than the setting says, the state says both', async () => {
    await using folder = await tempFolder();
    const { control, configPath, statsSocket } = await setUp(folder.path);
    const other = path.join(folder.path, 'other.sock');
    await writeFile(configPath, withMark(simpleConfig({ port: 1, statsSocket: other })));
    expect(await control.state(never)).toMatchObject({
      kind: 'unseen',
      why: expect.stringContaining(
        `opens the stats socket ${other}, and haproxy.statsSocket is ${statsSocket};`,
      ),
    });
  });

  test('without a stats socket in the text, the exit code is all there is', async () => {
    await using folder = await tempFolder();
    const { control, write, url, configPath, pidFile } = await setUp(folder.path, 'without');
    await using _haproxy = await startHaproxy({ binary, configPath, pidFile });
    expect(await control.state(never)).toEqual({
      kind: 'unseen',
      why: expect.stringContaining('opens no stats socket'),
    });
    expect(await control.reload(await write('new'), never)).toEqual({ kind: 'unverified', log: 'sent' });
    await waitFor(async () => (await request(url).catch(() => null))?.body === 'new');
  });
});

test('a HAProxy that runs an older text without the socket is told all the same', async () => {
  await using folder = await tempFolder();
  const { write, configPath, pidFile, control, url } = await setUp(folder.path);
  await writeFile(configPath, simpleConfig({ port: await freePort() }));
  await using _haproxy = await startHaproxy({ configPath, pidFile });
  const mark = await write('new');
  expect(await control.state(never)).toMatchObject({ kind: 'away' });
  expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified' });
  expect((await request(url)).body).toBe('new');
});

test('a command that says no, is missing, may not run or hangs is failed and says so', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'reload');
  await writeFile(file, '');
  await chmod(file, 0o644);
  const messageOf = async (reloadCommand: string[]) => {
    const control = controlByCommand({ reloadCommand, statsSocket: '', configPath: '/x', timeout: 300 });
    const outcome = await control.reload('0123456789abcdef', never);
    return outcome.kind === 'failed' ? outcome.message : outcome.kind;
  };
  expect(await messageOf(['sh', '-c', 'echo no unit >&2; exit 5'])).toBe(
    'running "sh -c echo no unit >&2; exit 5": exit code 5. no unit',
  );
  expect(await messageOf(['/nowhere/reload'])).toContain(
    '/nowhere/reload is not there. Correct haproxy.reloadCommand',
  );
  expect(await messageOf([file])).toContain('may not be executed');
  expect(await messageOf(['sleep', '30'])).toBe(
    'running "sleep 30": not done in 0.3 s, so it was ended with all that it started.',
  );
});

test('a command that leaves a child behind is done when it has ended itself, and the child lives on', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'pid');
  const script = `sleep 600 & echo $! > ${file}; echo done`;
  const reloadCommand = ['sh', '-c', script];
  const control = controlByCommand({ reloadCommand, statsSocket: '', configPath: '/x' });
  const began = performance.now();
  expect(await control.reload('0123456789abcdef', never)).toEqual({ kind: 'unverified', log: 'done' });
  expect(performance.now() - began).toBeLessThan(5000);
  const pid = Number(await readFile(file, 'utf8'));
  expect(await isAlive(pid)).toBe(true);
  process.kill(pid);
});

test('a command that says yes and does nothing is failed where the socket shows it', async () => {
  await using folder = await tempFolder();
  const { write, statsSocket, configPath } = await setUp(folder.path);
  const control = controlByCommand({ reloadCommand: ['true'], statsSocket, configPath, patience: 300 });
  await using _haproxy = await startHaproxy({ configPath });
  await waitFor(async () => (await control.state(never)).kind === 'running');
  expect(await control.reload(await write('new'), never)).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('"true" said yes, but worker'),
  });
});

test('createControl() picks the control of the mode; none knows nothing and says so', async () => {
  const settings = {
    configPath: '/x',
    binary: 'haproxy',
    masterSocket: '/nowhere/m.sock',
    statsSocket: '',
    pidFile: '/nowhere/pid',
    reloadCommand: ['true'],
  };
  const kinds: Record<string, string> = {};
  for (const mode of ['managed', 'master-socket', 'signal', 'command', 'none'] as const) {
    await using control = createControl({ ...settings, mode });
    kinds[mode] = (await control.state(never)).kind;
  }
  expect(kinds).toEqual({
    managed: 'away',
    'master-socket': 'away',
    signal: 'away',
    command: 'unseen',
    none: 'unseen',
  });
  await using none = createControl({ ...settings, mode: 'none' });
  expect(await none.reload('0123456789abcdef', never)).toEqual({ kind: 'unverified', log: '' });
  const abort = new AbortController();
  const states: unknown[] = [];
  for await (const state of none.watch(abort.signal)) {
    states.push(state);
    setTimeout(() => abort.abort(), 10);
  }
  expect(states).toEqual([{ kind: 'unseen' }]);
});
