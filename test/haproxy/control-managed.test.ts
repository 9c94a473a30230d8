import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { controlManaged } from '../../src/haproxy/control-managed.ts';
import type { ManagedChange, ManagedSettings } from '../../src/haproxy/control-settings.ts';
import { haproxyLives } from '../../src/haproxy/haproxy-process.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import type { HaproxyControl, HaproxyState } from '../../src/ports/haproxy.ts';
import {
  freePort,
  isAlive,
  request,
  showProc,
  startProcess,
  tempFolder,
  waitFor,
} from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
const never = new AbortController().signal;
const MODULE = fileURLToPath(new URL('../../src/haproxy/control-managed.ts', import.meta.url));

describe.each(haproxyVersions)('on HAProxy $name', ({ path: binary }) => {
  async function setUp(folder: string) {
    const port = await freePort();
    const configPath = path.join(folder, 'haproxy.cfg');
    const masterSocket = path.join(folder, 'run', 'master.sock');
    const write = async (answer: string, more: Partial<Parameters<typeof simpleConfig>[0]> = {}) => {
      const text = simpleConfig({ port, answer, ...more });
      await writeFile(configPath, withMark(text));
      return hashText(text);
    };
    const lines: string[] = [];
    const settings = {
      binary,
      masterSocket,
      configPath,
      grace: 500,
      onLine: (line: string) => lines.push(line),
    };
    return { port, configPath, masterSocket, write, lines, settings, url: `http://127.0.0.1:${port}/` };
  }

  test('reload() starts HAProxy, and from then on reloads it; its lines are passed on', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket, lines } = await setUp(folder.path);
    let master = 0;
    {
      await using control = manage(settings);
      expect(await control.state(never)).toEqual({
        kind: 'away',
        cause: 'HAProxy has not been started yet.',
        expected: true,
      });
      const first = await write('one');
      expect(await control.reload(first, never)).toMatchObject({ kind: 'verified', tries: 1, started: true });
      expect((await request(url)).body).toBe('one');
      master = (await showProc(masterSocket)).master;
      const second = await write('two');
      expect(await control.reload(second, never)).toMatchObject({ kind: 'verified' });
      expect((await request(url)).body).toBe('two');
      expect(await showProc(masterSocket)).toMatchObject({ master, reloads: 1 });
      expect(await control.state(never)).toMatchObject({ kind: 'running', mark: second });
      await waitFor(() => lines.some((line) => line.includes('Loading success')));
    }
    expect(await isAlive(master)).toBe(false);
    await expect(request(url)).rejects.toThrow();
  });

  test('start() starts HAProxy from the file that lies there, and leaves one that runs alone', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket, url } = await setUp(folder.path);
    await using control = manage(settings);
    const mark = await write('one');
    expect(await control.start?.(never)).toMatchObject({ kind: 'running', mark, reloads: 0 });
    expect((await request(url)).body).toBe('one');
    const before = await showProc(masterSocket);
    expect(await control.start?.(never)).toMatchObject({ kind: 'running', mark, reloads: 0 });
    expect(await showProc(masterSocket)).toEqual(before);
    process.kill(before.master, 'SIGKILL');
    await waitFor(async () => (await request(url).catch(() => null))?.body === 'one', { timeout: 3000 });
  });

  test('what is to be loaded while HAProxy starts from it is loaded by that start; another text by a reload', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket, url } = await setUp(folder.path);
    {
      await using control = manage(settings);
      const mark = await write('one');
      const started = control.start?.(never);
      expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified', started: true });
      expect(await started).toMatchObject({ kind: 'running', mark });
      expect(await showProc(masterSocket)).toMatchObject({ reloads: 0 });
      // Asked for from one that runs, it is a reload.
      expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified', pid: expect.any(Number) });
      expect(await showProc(masterSocket)).toMatchObject({ reloads: 1 });
    }
    await using control = manage(settings);
    const started = control.start?.(never);
    await waitFor(() => isThere(settings.masterSocket));
    const mark = await write('two');
    expect(await control.reload(mark, never)).toMatchObject({ kind: 'verified' });
    expect(await started).toMatchObject({ kind: 'running' });
    expect((await request(url)).body).toBe('two');
  });

  test("a failed reload tells HAProxy's own words, on every version", async () => {
    await using folder = await tempFolder();
    const { settings, write, url } = await setUp(folder.path);
    await using control = manage(settings);
    await control.reload(await write('old'), never);
    const taken = await freePort();
    const server = createServer().listen(taken, '127.0.0.1');
    const outcome = await control.reload(await write('new', { port: taken }), never);
    server.close();
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('Address already in use'),
    });
    expect((await request(url)).body).toBe('old');
  });

  test('a killed master is back within 1 s at its first death, and watch() tells both', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket } = await setUp(folder.path);
    await using control = manage(settings);
    const mark = await write('one');
    await control.reload(mark, never);
    const abort = new AbortController();
    const seen: HaproxyState[] = [];
    const watching = (async () => {
      for await (const state of control.watch(abort.signal)) {
        seen.push(state);
      }
    })();
    await waitFor(() => seen.length === 1);
    const { master } = await showProc(masterSocket);
    process.kill(master, 'SIGKILL');
    const killed = Date.now();
    await waitFor(async () => (await request(url).catch(() => null))?.body === 'one', { timeout: 2000 });
    expect(Date.now() - killed).toBeLessThan(2000);
    await waitFor(() => seen.length === 3);
    expect(seen).toMatchObject([
      { kind: 'running', mark },
      { kind: 'away', cause: expect.stringContaining('HAProxy ended (SIGKILL); it is started again') },
      { kind: 'running', mark },
    ]);
    expect((await showProc(masterSocket)).master).not.toBe(master);
    abort.abort();
    await watching;
  });

  test('a HAProxy whose starter was SIGKILLed serves on, reloads, and is adopted and never doubled', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket, configPath } = await setUp(folder.path);
    const mark = await write('one');
    const script = `
      const { controlManaged } = await import(${JSON.stringify(MODULE)});
      const control = controlManaged(${JSON.stringify({ binary, masterSocket, configPath })});
      console.log(JSON.stringify(await control.reload(${JSON.stringify(mark)}, new AbortController().signal)));
      setInterval(() => {}, 1000);`;
    await using _reaper = reaper(masterSocket);
    await using starter = await startProcess(process.execPath, ['--input-type=module', '-e', script]);
    await waitFor(() => starter.output().includes('verified'));
    starter.child.kill('SIGKILL');
    await starter.ended;
    const { master } = await showProc(masterSocket);
    expect((await request(url)).body).toBe('one');
    // Nobody reads its output now: that must not end it.
    for (let turn = 1; turn <= 3; turn += 1) {
      process.kill(master, 'SIGUSR2');
      await waitFor(async () => (await showProc(masterSocket).catch(() => null))?.reloads === turn);
    }
    {
      // In the very moment of a reload it refuses to talk, and is adopted all the same.
      process.kill(master, 'SIGUSR2');
      await using control = manage(settings);
      const next = await write('two');
      expect(await control.reload(next, never)).toMatchObject({ kind: 'verified' });
      expect(await showProc(masterSocket)).toMatchObject({ master });
      expect((await request(url)).body).toBe('two');
      process.kill(master, 'SIGKILL');
      await waitFor(async () => (await request(url).catch(() => null))?.body === 'two', { timeout: 3000 });
    }
    // The worker of the master that was killed needs a moment to notice.
    await waitFor(() =>
      request(url).then(
        () => false,
        () => true,
      ),
    );
  });

  test('a master in the middle of its re-execution, which refuses to talk and has emptied its PID file, is adopted and not doubled', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket } = await setUp(folder.path);
    const mark = await write('one');
    await using _reaper = reaper(masterSocket);
    {
      await using first = controlManaged(settings);
      expect(await first.reload(mark, never)).toMatchObject({ kind: 'verified' });
    }
    const { master } = await showProc(masterSocket);
    const pidFile = `${masterSocket}.pid`;
    await rename(masterSocket, `${masterSocket}.away`);
    await writeFile(pidFile, '');
    const changes: ManagedChange['kind'][] = [];
    await using control = manage({ ...settings, onChange: ({ kind }) => changes.push(kind) });
    const reloaded = control.reload(await write('two'), never);
    // Long enough for a look that would have started another one.
    await sleep(300);
    await writeFile(pidFile, `${master}\n`);
    await rename(`${masterSocket}.away`, masterSocket);
    expect(await reloaded).toMatchObject({ kind: 'verified' });
    expect(changes).toEqual(['haproxy-adopted']);
    expect(await showProc(masterSocket)).toMatchObject({ master });
  });

  test('a text that HAProxy does not start with is failed with its words; a good one then starts it', async () => {
    await using folder = await tempFolder();
    const { settings, write, url } = await setUp(folder.path);
    await using control = manage(settings);
    const bad = await write('bad', { global: ['nonsense'] });
    const outcome = await control.reload(bad, never);
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining("unknown keyword 'nonsense'"),
    });
    expect(await control.reload(await write('good'), never)).toMatchObject({ kind: 'verified' });
    expect((await request(url)).body).toBe('good');
  });

  test('a worker that dies over a text (a missing chroot) takes HAProxy down; the last good file brings it back', async () => {
    await using folder = await tempFolder();
    const { settings, write, url } = await setUp(folder.path);
    await using control = manage(settings);
    const good = await write('good');
    await control.reload(good, never);
    const bad = await write('bad', { global: ['chroot /nowhere/at/all'] });
    expect(await control.reload(bad, never)).toMatchObject({
      kind: 'failed',
      // HAProxy ends so quickly that it sometimes does not hand over its worker's last words.
      message: expect.stringMatching(/Cannot chroot|its new worker died/),
    });
    await write('good');
    expect(await control.reload(good, never)).toMatchObject({ kind: 'verified' });
    expect((await request(url)).body).toBe('good');
  });

  test('`daemon` in the text is harmless: HAProxy stays in the foreground, is reloaded and started again', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket } = await setUp(folder.path);
    const changes: ManagedChange[] = [];
    await using control = manage({ ...settings, onChange: (change) => changes.push(change) });
    const daemon = { global: ['daemon'] };
    expect(await control.reload(await write('one', daemon), never)).toMatchObject({ kind: 'verified' });
    expect(await control.reload(await write('two', daemon), never)).toMatchObject({ kind: 'verified' });
    const { master } = await showProc(masterSocket);
    expect(changes).toEqual([{ kind: 'haproxy-started', pid: master }]);
    process.kill(master, 'SIGKILL');
    await waitFor(async () => (await request(url).catch(() => null))?.body === 'two');
    await waitFor(() => changes.length === 3);
    expect(changes.slice(1)).toEqual([
      { kind: 'haproxy-exited', cause: 'HAProxy ended (SIGKILL)', restartInMs: 100 },
      { kind: 'haproxy-started', pid: (await showProc(masterSocket)).master },
    ]);
  });

  test('only stop() ends HAProxy; one that was let go serves on and is adopted, and its end is told', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket } = await setUp(folder.path);
    await using _reaper = reaper(masterSocket);
    const mark = await write('one');
    {
      await using control = controlManaged(settings);
      await control.reload(mark, never);
    }
    const { master } = await showProc(masterSocket);
    const changes: ManagedChange[] = [];
    const again = controlManaged({ ...settings, onChange: (change) => changes.push(change) });
    expect(await again.start?.(never)).toMatchObject({ kind: 'running', mark, reloads: 0 });
    expect((await request(url)).body).toBe('one');
    expect(changes).toEqual([{ kind: 'haproxy-adopted', pid: master }]);
    process.kill(master, 'SIGKILL');
    await waitFor(() => changes.length === 3);
    expect(changes[1]).toMatchObject({ kind: 'haproxy-exited', cause: 'HAProxy ended' });
    await again.stop?.();
    await again[Symbol.asyncDispose]();
    await expect(request(url)).rejects.toThrow();
  });

  test('a start that was given up and answers later is told, and so is its end', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket } = await setUp(folder.path);
    const changes: ManagedChange[] = [];
    await using control = manage({ ...settings, onChange: (change) => changes.push(change) });
    const mark = await write('one');
    const given = new AbortController();
    const begun = control.reload(mark, given.signal).catch(() => null);
    await waitFor(() => readFile(`${masterSocket}.pid`, 'utf8').catch(() => null));
    given.abort();
    await begun;
    expect(await control.start?.(never)).toMatchObject({ kind: 'running', mark });
    const { master } = await showProc(masterSocket);
    expect(changes).toEqual([{ kind: 'haproxy-started', pid: master }]);
    process.kill(master, 'SIGKILL');
    await waitFor(() => changes.length === 3);
    expect(changes[1]).toMatchObject({ kind: 'haproxy-exited', cause: 'HAProxy ended (SIGKILL)' });
  });

  test('after stop() nothing is started any more, and the state says so', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket } = await setUp(folder.path);
    await using control = manage(settings);
    const mark = await write('one');
    await control.reload(mark, never);
    const { master } = await showProc(masterSocket);
    await control.stop?.();
    expect(await isAlive(master)).toBe(false);
    expect(await control.state(never)).toEqual({ kind: 'away', cause: 'HAProxy was stopped.' });
    expect(await control.reload(mark, never)).toMatchObject({ kind: 'failed' });
    expect(await control.start?.(never)).toMatchObject({ kind: 'away' });
    await expect(request(url)).rejects.toThrow();
  });

  test('what an earlier HAProxy said is not quoted as the words of a later one', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket, configPath } = await setUp(folder.path);
    await using control = manage(settings);
    await control.reload(await write('one'), never);
    const first = (await showProc(masterSocket)).master;
    await writeFile(configPath, 'nonsense\n');
    process.kill(first, 'SIGKILL');
    const cause = await waitFor(async () => {
      const state = await control.state(never);
      return state.kind === 'away' && state.cause.includes('nonsense') ? state.cause : null;
    });
    expect(cause).not.toContain(`(${first})`);
    expect(cause).not.toContain('Loading success');
  });

  test('a master that lives and is mute is waited for within bounds and never doubled', async () => {
    await using folder = await tempFolder();
    const { settings, write, masterSocket } = await setUp(folder.path);
    await using first = manage(settings);
    const mark = await write('one');
    await first.reload(mark, never);
    const { master } = await showProc(masterSocket);
    process.kill(master, 'SIGSTOP');
    await using second = controlManaged({ ...settings, patience: 300 });
    const outcome = await second.reload(mark, never);
    process.kill(master, 'SIGCONT');
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining(`a haproxy master lives and does not answer on ${masterSocket}`),
    });
    expect((await showProc(masterSocket)).master).toBe(master);
  });

  test('a soft stop lets a running request finish, and is bounded', async () => {
    await using folder = await tempFolder();
    const { settings, write, url, masterSocket } = await setUp(folder.path);
    await using slow = await slowBackend();
    const control = manage({ ...settings, grace: 5000 });
    await control.reload(await write('', { server: slow.address }), never);
    const answered = request(`${url}?600`);
    await waitFor(() => slow.asked() === 1);
    const started = Date.now();
    await control[Symbol.asyncDispose]();
    expect((await answered).body).toBe('slow');
    expect(Date.now() - started).toBeLessThan(4000);

    const second = manage({ ...settings, grace: 300 });
    await second.reload(await write('', { server: slow.address }), never);
    const { master, workers } = await showProc(masterSocket);
    const cut = request(`${url}?20000`).catch(() => null);
    await waitFor(() => slow.asked() === 2);
    const again = Date.now();
    await second[Symbol.asyncDispose]();
    expect(Date.now() - again).toBeLessThan(3000);
    for (const pid of [master, ...workers]) {
      expect(await isAlive(pid)).toBe(false);
    }
    await cut;
  });
});

test('a process that has nothing else to do ends, and HAProxy serves on', async () => {
  await using folder = await tempFolder();
  const port = await freePort();
  const configPath = path.join(folder.path, 'haproxy.cfg');
  const masterSocket = path.join(folder.path, 'master.sock');
  const text = simpleConfig({ port });
  await writeFile(configPath, withMark(text));
  const script = `
    const { controlManaged } = await import(${JSON.stringify(MODULE)});
    const control = controlManaged(${JSON.stringify({ binary: 'haproxy', masterSocket, configPath })});
    console.log((await control.reload('${hashText(text)}', new AbortController().signal)).kind);`;
  await using _reaper = reaper(masterSocket);
  await using once = await startProcess(process.execPath, ['--input-type=module', '-e', script]);
  expect(await once.ended).toBe(0);
  expect(once.output()).toBe('verified\n');
  const { master } = await showProc(masterSocket);
  expect((await request(`http://127.0.0.1:${port}/`)).body).toBe('hello');
  await using control = manage({ binary: 'haproxy', masterSocket, configPath });
  expect(await control.start?.(never)).toMatchObject({ kind: 'running' });
  expect((await showProc(masterSocket)).master).toBe(master);
});

test('a program that does not answer on the master socket is ended, and said so', async () => {
  await using folder = await tempFolder();
  const binary = path.join(folder.path, 'haproxy');
  await writeFile(binary, `#!/bin/sh\necho $$ > ${binary}.pid\necho I wait\nexec sleep 60\n`, {
    mode: 0o755,
  });
  const masterSocket = path.join(folder.path, 'm.sock');
  await using control = manage({ binary, masterSocket, configPath: '/x', patience: 3000 });
  expect(await control.reload('0123456789abcdef', never)).toEqual({
    kind: 'failed',
    message: `starting HAProxy on /x: it did not answer on ${masterSocket} in 3 s, so it was ended. I wait`,
  });
  const pid = Number(await readFile(`${binary}.pid`, 'utf8'));
  await waitFor(async () => !(await isAlive(pid)), { what: 'the end of the program' });
});

test('a HAProxy that is not installed is said so', async () => {
  await using folder = await tempFolder();
  const masterSocket = path.join(folder.path, 'm.sock');
  await using control = manage({ binary: '/nowhere/haproxy', masterSocket, configPath: '/x' });
  expect(await control.reload('0123456789abcdef', never)).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('starting /nowhere/haproxy: it is not there. Install HAProxy'),
  });
});

test('a socket file left by a dead HAProxy is no problem', async () => {
  await using folder = await tempFolder();
  const configPath = path.join(folder.path, 'haproxy.cfg');
  const masterSocket = path.join(folder.path, 'master.sock');
  const text = simpleConfig({ port: await freePort() });
  await writeFile(configPath, withMark(text));
  const settings = { binary: 'haproxy', masterSocket, configPath };
  {
    await using first = manage(settings);
    await first.reload(hashText(text), never);
  }
  expect(await readFile(`${masterSocket}.pid`, 'utf8')).toMatch(/^\d+\n$/);
  await using control = manage(settings);
  expect(await control.reload(hashText(text), never)).toMatchObject({ kind: 'verified' });
});

/** A control whose HAProxy ends with it. */
function manage(settings: ManagedSettings): HaproxyControl {
  const control = controlManaged(settings);
  const letGo = control[Symbol.asyncDispose].bind(control);
  control[Symbol.asyncDispose] = async () => {
    await control.stop?.();
    await letGo();
  };
  return control;
}

/** Ends the HAProxy that a test left alone on purpose, also where the test failed. */
function reaper(masterSocket: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const pid = Number(await readFile(`${masterSocket}.pid`, 'utf8').catch(() => '0'));
      if (pid > 1 && (await haproxyLives(pid))) {
        process.kill(pid, 'SIGKILL');
      }
    },
  };
}

/** Answers after as many ms as the query says. */
async function slowBackend(): Promise<{ address: string; asked(): number } & AsyncDisposable> {
  let asked = 0;
  const port = await freePort();
  const server = createServer((incoming, response) => {
    asked += 1;
    const timer = setTimeout(() => response.end('slow'), Number(incoming.url?.split('?')[1] ?? 0));
    response.once('close', () => clearTimeout(timer));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
