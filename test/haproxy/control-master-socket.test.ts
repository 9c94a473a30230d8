import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { controlByMasterSocket } from '../../src/haproxy/control-master-socket.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import {
  freePort,
  request,
  showProc,
  startHaproxy,
  startLoad,
  tempFolder,
  waitFor,
} from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

describe.each(haproxyVersions)('on HAProxy $name', ({ name, path: binary }) => {
  async function setUp(folder: string, options: Partial<Parameters<typeof simpleConfig>[0]> = {}) {
    const port = await freePort();
    const configPath = path.join(folder, 'haproxy.cfg');
    const masterSocket = path.join(folder, 'master.sock');
    const write = async (answer: string, more: Partial<Parameters<typeof simpleConfig>[0]> = {}) => {
      const text = simpleConfig({ port, answer, ...options, ...more });
      await writeFile(configPath, withMark(text));
      return hashText(text);
    };
    const mark = await write('start');
    const control = controlByMasterSocket({ masterSocket, configPath });
    const url = `http://127.0.0.1:${port}/`;
    return {
      port,
      configPath,
      masterSocket,
      write,
      mark,
      control,
      url,
      start: () => startHaproxy({ binary, configPath, masterSocket }),
    };
  }

  test('state() tells the worker, its mark and its version', async () => {
    await using folder = await tempFolder();
    const { control, mark, start, masterSocket } = await setUp(folder.path);
    await using _haproxy = await start();
    const { workers } = await showProc(masterSocket);
    expect(await control.state(never)).toEqual({
      kind: 'running',
      pid: workers[0],
      mark,
      version: expect.stringMatching(new RegExp(`^${name}\\.`)),
      reloads: 0,
      failedReloads: 0,
      oldWorkers: 0,
    });
  });

  test('20 reloads in a row are each verified, and each text is live when reload() returns', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url, masterSocket } = await setUp(folder.path);
    await using _haproxy = await start();
    for (let turn = 1; turn <= 20; turn += 1) {
      const mark = await write(`answer-${turn}`);
      expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified', tries: 1 });
      expect((await request(url)).body).toBe(`answer-${turn}`);
    }
    expect(await showProc(masterSocket)).toMatchObject({ reloads: 20, failed: 0 });
  });

  test('reloads asked for at the same time run one after the other', async () => {
    await using folder = await tempFolder();
    const { control, write, start, masterSocket } = await setUp(folder.path);
    await using _haproxy = await start();
    const mark = await write('together');
    const outcomes = await Promise.all([1, 2, 3].map(() => control.reload(mark, never)));
    expect(outcomes.map((one) => one.kind)).toEqual(['verified', 'verified', 'verified']);
    expect((await showProc(masterSocket)).reloads).toBe(3);
  });

  test("a stranger's SIGUSR2 before, during and after ours does not stop it", async () => {
    await using folder = await tempFolder();
    const { control, write, start, url } = await setUp(folder.path);
    await using haproxy = await start();
    for (const [turn, delay] of [-1, 0, 3, 8, 15, 30, 60].entries()) {
      const mark = await write(`answer-${turn}`);
      const poke = () => haproxy.child.kill('SIGUSR2');
      if (delay < 0) {
        poke();
      } else {
        setTimeout(poke, delay);
      }
      expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified' });
      await waitFor(async () => (await request(url)).body === `answer-${turn}`);
    }
  });

  test('a reload that read the file before it was written is not taken for ours', async () => {
    await using folder = await tempFolder();
    const { control, write, start } = await setUp(folder.path);
    await using haproxy = await start();
    const mark = await write('new');
    await writeFile(`${folder.path}/other.cfg`, '');
    const outcome = await control.reload(hashText('what HAProxy never gets'), never);
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining(`mark ${mark}, not`) });
    expect(haproxy.child.exitCode).toBeNull();
  });

  test('a port that is taken fails the reload; the old text serves on, and the next good one recovers', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url, mark: oldMark } = await setUp(folder.path);
    await using _haproxy = await start();
    const taken = await freePort();
    const server = createServer().listen(taken, '127.0.0.1');
    const outcome = await control.reload(await write('new', { port: taken }), never);
    expect(outcome.kind).toBe('failed');
    const words = name === '2.6' ? 'what it said is in its own log' : 'Address already in use';
    expect(outcome).toMatchObject({ message: expect.stringContaining(words) });
    expect(await control.state(never)).toMatchObject({ mark: oldMark, failedReloads: 1 });
    expect((await request(url)).body).toBe('start');
    server.close();
    expect(await control.reload(await write('newer'), never)).toMatchObject({ kind: 'verified' });
    expect((await request(url)).body).toBe('newer');
  });

  test('a worker that dies over the new text (a missing chroot) ends HAProxy before 3.1: failed, then away', async () => {
    await using folder = await tempFolder();
    const { control, write, start, mark: oldMark } = await setUp(folder.path);
    await using haproxy = await start();
    const mark = await write('new', { global: ['chroot /nowhere/at/all'] });
    const outcome = await control.reload(mark, never);
    if (name !== '2.6' && name !== '3.0') {
      expect(outcome).toMatchObject({
        kind: 'failed',
        message: expect.stringMatching(/goes on with what it had; it said:[\s\S]*Cannot chroot/),
      });
      expect(await control.state(never)).toMatchObject({ kind: 'running', mark: oldMark, failedReloads: 1 });
      return;
    }
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('HAProxy ended over it'),
    });
    await haproxy.ended;
    expect(await control.state(never)).toMatchObject({
      kind: 'away',
      cause: expect.stringContaining('nobody listens'),
    });
  });

  test('a text without our mark runs, with no mark', async () => {
    await using folder = await tempFolder();
    const { control, configPath, start } = await setUp(folder.path);
    await writeFile(configPath, simpleConfig({ port: await freePort() }));
    await using _haproxy = await start();
    expect(await control.state(never)).toMatchObject({ kind: 'running', mark: null });
  });

  test('watch() tells within 1 s that HAProxy came, changed its text and went', async () => {
    await using folder = await tempFolder();
    const { control, write, start, mark } = await setUp(folder.path);
    const abort = new AbortController();
    const seen: HaproxyState[] = [];
    const watching = (async () => {
      for await (const state of control.watch(abort.signal)) {
        seen.push(state);
      }
    })();
    await waitFor(() => seen.length === 1);
    expect(seen[0]).toMatchObject({
      kind: 'away',
      cause: expect.stringMatching(/no such socket.*Start HAProxy/),
    });
    await using haproxy = await start();
    await waitFor(() => seen.at(-1)?.kind === 'running', { timeout: 1000 });
    expect(seen.at(-1)).toMatchObject({ mark, reloads: 0 });
    const next = await write('stranger');
    haproxy.child.kill('SIGUSR2');
    await waitFor(
      () => {
        const last = seen.at(-1);
        return last?.kind === 'running' && last.mark === next;
      },
      { timeout: 2000 },
    );
    haproxy.child.kill('SIGKILL');
    await waitFor(() => seen.at(-1)?.kind === 'away', { timeout: 1000 });
    // While it starts, the causes of its absence may change.
    const kinds = seen
      .map((state) => state.kind)
      .filter((kind, at, all) => kind !== 'away' || all[at - 1] !== 'away');
    expect(kinds).toEqual(['away', 'running', 'running', 'away']);
    abort.abort();
    await watching;
  });

  test('reloads lose no request', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url } = await setUp(folder.path);
    await using _haproxy = await start();
    await using load = startLoad(url);
    for (let turn = 0; turn < 5; turn += 1) {
      await control.reload(await write(`answer-${turn}`), never);
    }
    await waitFor(() => load.bodies().has('answer-4'));
    expect(load.failures()).toEqual([]);
  });
});

test('with no HAProxy reload() is away and says what to do', async () => {
  await using folder = await tempFolder();
  const control = controlByMasterSocket({ masterSocket: path.join(folder.path, 'm.sock'), configPath: '/x' });
  expect(await control.reload('0123456789abcdef', never)).toMatchObject({
    kind: 'away',
    cause: expect.stringContaining('Start HAProxy with it (-W -S), or correct haproxy.masterSocket'),
  });
});

test('a socket that is none, too long a path, and a stats socket are told apart from a master', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'file');
  await writeFile(file, '');
  const causeOf = async (masterSocket: string) => {
    const state = await controlByMasterSocket({ masterSocket, configPath: '/x' }).state(never);
    return state.kind === 'away' ? state.cause : state.kind;
  };
  expect(await causeOf(file)).toContain('nobody listens on it');
  expect(await causeOf(path.join(folder.path, 'x'.repeat(120)))).toMatch(/at most 107 bytes long/);
  const statsSocket = path.join(folder.path, 'stats.sock');
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(configPath, simpleConfig({ port: await freePort(), statsSocket }));
  await using _haproxy = await startHaproxy({ configPath });
  expect(await causeOf(statsSocket)).toContain('what answers there is none');
  expect(await readFile(configPath, 'utf8')).toContain(statsSocket);
});
