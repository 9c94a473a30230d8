import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { controlBySignal } from '../../src/haproxy/control-signal.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import {
  freePort,
  request,
  showProc,
  startHaproxy,
  startProcess,
  tempFolder,
  waitFor,
} from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

describe.each(haproxyVersions)('on HAProxy $name', ({ path: binary }) => {
  async function setUp(folder: string, socketInText: 'with' | 'without' = 'with') {
    const port = await freePort();
    const configPath = path.join(folder, 'haproxy.cfg');
    const pidFile = path.join(folder, 'haproxy.pid');
    const statsSocket = path.join(folder, 'stats.sock');
    const write = async (answer: string, more: Partial<Parameters<typeof simpleConfig>[0]> = {}) => {
      const text = simpleConfig({
        port,
        answer,
        ...(socketInText === 'with' ? { statsSocket } : {}),
        ...more,
      });
      await writeFile(configPath, withMark(text));
      return hashText(text);
    };
    const mark = await write('start');
    const control = controlBySignal({ pidFile, statsSocket, configPath });
    const start = () => startHaproxy({ binary, configPath, pidFile });
    return { configPath, pidFile, write, mark, control, start, url: `http://127.0.0.1:${port}/` };
  }

  test('10 reloads in a row are each verified on the stats socket', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url, mark } = await setUp(folder.path);
    await using haproxy = await start();
    const { workers } = await showProc(haproxy.masterSocket);
    await waitFor(async () => (await control.state(never)).kind === 'running');
    expect(await control.state(never)).toMatchObject({
      kind: 'running',
      pid: workers[0],
      mark,
      oldWorkers: 0,
    });
    expect(await control.state(never)).not.toHaveProperty('reloads');
    for (let turn = 1; turn <= 10; turn += 1) {
      expect(await control.reload(await write(`answer-${turn}`), never)).toMatchObject({ kind: 'verified' });
      expect((await request(url)).body).toBe(`answer-${turn}`);
    }
  });

  test("a stranger's SIGUSR2 around ours, in which it gets lost, does not stop it", async () => {
    await using folder = await tempFolder();
    const { control, write, start, url } = await setUp(folder.path);
    await using haproxy = await start();
    for (const [turn, delay] of [-1, 0, 5, 20, 50].entries()) {
      haproxy.child.kill('SIGUSR2');
      const mark = await write(`answer-${turn}`);
      if (delay >= 0) {
        setTimeout(() => haproxy.child.kill('SIGUSR2'), delay);
      }
      expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified' });
      await waitFor(async () => (await request(url).catch(() => null))?.body === `answer-${turn}`);
    }
  });

  test('where the text opens no stats socket, a new worker is all that is seen: unverified', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url } = await setUp(folder.path, 'without');
    await using _haproxy = await start();
    expect(await control.state(never)).toMatchObject({ kind: 'unseen', oldWorkers: 0 });
    expect(await control.reload(await write('new'), never)).toMatchObject({
      kind: 'unverified',
      log: expect.stringMatching(/^new worker \d+$/),
    });
    expect((await request(url)).body).toBe('new');
  });

  test('a port that is taken fails the reload after one signal: the old text serves on, and a good one then loads', async () => {
    await using folder = await tempFolder();
    const { control, write, start, url } = await setUp(folder.path);
    await using haproxy = await start();
    const taken = await freePort();
    const server = createServer().listen(taken, '127.0.0.1');
    const outcome = await control.reload(await write('new', { port: taken }), never);
    server.close();
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('started no new worker'),
    });
    expect((await request(url)).body).toBe('start');
    expect(await showProc(haproxy.masterSocket)).toMatchObject({ reloads: 1, failed: 1 });
    expect(await control.reload(await write('good'), never)).toMatchObject({ kind: 'verified' });
    expect((await request(url)).body).toBe('good');
  });

  test('a master that hears no signal is told apart, with what to do', async () => {
    await using folder = await tempFolder();
    const { control, write, start } = await setUp(folder.path);
    await using haproxy = await start();
    haproxy.child.kill('SIGSTOP');
    const outcome = await control.reload(await write('new'), never);
    haproxy.child.kill('SIGCONT');
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringMatching(/did nothing at 5 signals.*use mode master-socket$/),
    });
  });

  test('watch() tells within 1 s that HAProxy came and went', async () => {
    await using folder = await tempFolder();
    const { control, start, mark } = await setUp(folder.path);
    const abort = new AbortController();
    const seen: HaproxyState[] = [];
    const watching = (async () => {
      for await (const state of control.watch(abort.signal)) {
        seen.push(state);
      }
    })();
    await waitFor(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ kind: 'away', cause: expect.stringContaining('there is no such file') });
    await using haproxy = await start();
    await waitFor(
      () => {
        const last = seen.at(-1);
        return last?.kind === 'running' && last.mark === mark;
      },
      { timeout: 1000 },
    );
    haproxy.child.kill('SIGKILL');
    await waitFor(() => seen.at(-1)?.kind === 'away', { timeout: 1000 });
    abort.abort();
    await watching;
  });

  test('a worker, and a haproxy without a master, get no signal', async () => {
    await using folder = await tempFolder();
    const { control, start, pidFile, configPath } = await setUp(folder.path);
    await using haproxy = await start();
    const { workers, master } = await showProc(haproxy.masterSocket);
    await writeFile(pidFile, `${workers[0]}\n`);
    expect(await control.reload('0123456789abcdef', never)).toMatchObject({
      kind: 'away',
      cause: expect.stringContaining(`is a worker of the haproxy master ${master}. Nothing was sent to it`),
    });
    await writeFile(configPath, simpleConfig({ port: await freePort() }));
    await using alone = await startProcess(binary, ['-db', '-f', configPath]);
    await writeFile(pidFile, `${alone.pid}\n`);
    await waitFor(async () => (await readFile(`/proc/${alone.pid}/comm`, 'utf8')) === 'haproxy\n');
    expect(await control.state(never)).toMatchObject({
      cause: expect.stringContaining('runs without a master'),
    });
    expect(await control.reload('0123456789abcdef', never)).toMatchObject({ kind: 'away' });
    expect(alone.child.exitCode ?? alone.child.signalCode).toBeNull();
  });
});

test('a pid that is no haproxy, an old one, or none at all gets no signal and says what to do', async () => {
  await using folder = await tempFolder();
  const pidFile = path.join(folder.path, 'haproxy.pid');
  const control = controlBySignal({ pidFile, statsSocket: '', configPath: '/x' });
  const causeFor = async (text: string) => {
    await writeFile(pidFile, text);
    const outcome = await control.reload('0123456789abcdef', never);
    return outcome.kind === 'away' ? outcome.cause : outcome.kind;
  };
  await using stranger = await startProcess('sleep', ['30']);
  expect(await causeFor(`${stranger.pid}\n`)).toBe(
    `reading ${pidFile}: process ${stranger.pid} is no haproxy but "sleep". Nothing was sent to it. The pid is an old one or of another PID namespace: use master-socket there.`,
  );
  expect(stranger.child.signalCode).toBeNull();
  expect(await causeFor('4194303\n')).toContain('no process 4194303 lives here. Start HAProxy');
  expect(await causeFor('what\n')).toContain('it holds no pid but "what"');
  expect(await causeFor('0\n')).toContain('it holds no pid');
  expect(await causeFor('-5\n')).toContain('it holds no pid');
});

test('a master that may not be signalled is a failed reload that names our user', async () => {
  await using folder = await tempFolder();
  await chmod(folder.path, 0o755);
  const configPath = path.join(folder.path, 'haproxy.cfg');
  const pidFile = path.join(folder.path, 'haproxy.pid');
  await writeFile(configPath, withMark(simpleConfig({ port: await freePort() })));
  await using haproxy = await startHaproxy({ configPath, pidFile });
  await chmod(pidFile, 0o644);
  const module = fileURLToPath(new URL('../../src/haproxy/control-signal.ts', import.meta.url));
  const script = `
    const { controlBySignal } = await import(${JSON.stringify(module)});
    const control = controlBySignal(${JSON.stringify({ pidFile, statsSocket: '', configPath })});
    console.log(JSON.stringify(await control.reload('0123456789abcdef', new AbortController().signal)));`;
  await using other = await startProcess(process.execPath, ['--input-type=module', '-e', script], {
    uid: 65534,
  });
  await other.ended;
  const outcome = {
    kind: 'failed',
    message: expect.stringContaining(
      `user nobody (uid 65534) may not signal the haproxy master ${haproxy.pid}`,
    ),
  };
  expect(JSON.parse(other.output())).toMatchObject(outcome);
});
