import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { RuntimeSession } from '../../src/haproxy/runtime-session.ts';
import { seeWorker } from '../../src/haproxy/stats-socket.ts';
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
    const { workers } = await showProc(haproxy.masterSocket);
    const worker = await waitFor(() => seeWorker(statsSocket, never));
    expect(worker).toMatchObject({ pid: workers[0], mark: null });
    expect(worker.version?.startsWith(`${name}.`)).toBe(true);
    await writeFile(configPath, withMark(text));
    haproxy.child.kill('SIGUSR2');
    await waitFor(async () => (await seeWorker(statsSocket, never))?.mark === hashText(text));
  });
});

test('a socket that takes the connection and says nothing is given up in time; an abort ends the wait', async () => {
  await using folder = await tempFolder();
  const socket = path.join(folder.path, 'silent.sock');
  const script = `require('node:net').createServer({ allowHalfOpen: true }, () => {}).listen(${JSON.stringify(socket)}, () => console.log('on'))`;
  await using silent = await startProcess(process.execPath, ['-e', script]);
  await waitFor(() => silent.output().includes('on'));
  await using patient = new RuntimeSession(socket, never, 100);
  await expect(patient.info()).rejects.toThrow(`asking the stats socket ${socket}: no answer in 0.1 s`);
  const abort = new AbortController();
  await using session = new RuntimeSession(socket, abort.signal);
  const asked = session.info();
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
