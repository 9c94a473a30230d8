import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { RuntimeSession } from '../../src/haproxy/runtime-session.ts';
import { RuntimeSocket } from '../../src/haproxy/runtime-socket.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { freePort, showProc, startHaproxy, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

describe.each(haproxyVersions)('on HAProxy $name', ({ name, path: binary }) => {
  test('the stats socket tells the worker, and its mark also where none was set', async () => {
    await using folder = await tempFolder();
    const configPath = path.join(folder.path, 'haproxy.cfg');
    const statsSocket = path.join(folder.path, 'stats.sock');
    const text = simpleConfig({ port: await freePort(), statsSocket });
    await writeFile(configPath, text);
    await using haproxy = await startHaproxy({ binary, configPath });
    const runtime = new RuntimeSocket(statsSocket);
    const { workers } = await showProc(haproxy.masterSocket);
    const info = await waitFor(() => runtime.info(never).catch(() => null));
    expect(info).toMatchObject({ pid: workers[0], stopping: false });
    expect(info.version.startsWith(`${name}.`)).toBe(true);
    expect(await runtime.mark(never)).toBeNull();
    await writeFile(configPath, withMark(text));
    haproxy.child.kill('SIGUSR2');
    await waitFor(async () => (await runtime.mark(never).catch(() => null)) === hashText(text));
  });
});

test('a socket that takes the connection and says nothing is given up in time; an abort ends the wait', async () => {
  await using folder = await tempFolder();
  const socket = path.join(folder.path, 'silent.sock');
  const script = `require('node:net').createServer({ allowHalfOpen: true }, () => {}).listen(${JSON.stringify(socket)}, () => console.log('on'))`;
  await using silent = await startProcess(process.execPath, ['-e', script]);
  await waitFor(() => silent.output().includes('on'));
  await expect(new RuntimeSocket(socket, 100).info(never)).rejects.toThrow(
    `asking the stats socket ${socket}: no answer in 0.1 s`,
  );
  const abort = new AbortController();
  const asked = new RuntimeSocket(socket).info(abort.signal);
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await expect(asked).rejects.toThrow('enough');
});

test('a socket that says a little all the time holds up nobody', async () => {
  await using folder = await tempFolder();
  const socket = path.join(folder.path, 'trickle.sock');
  const script = `require('node:net').createServer((c) => { c.on('error', () => {}); setInterval(() => c.write('.'), 20); }).listen(${JSON.stringify(socket)}, () => console.log('on'))`;
  await using trickle = await startProcess(process.execPath, ['-e', script]);
  await waitFor(() => trickle.output().includes('on'));
  await using session = new RuntimeSession(socket, never, 500);
  await expect(session.info()).rejects.toThrow(`asking the stats socket ${socket}: no answer in 0.5 s`);
});
