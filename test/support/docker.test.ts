import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startDocker } from './docker.ts';
import { isAlive, request, startProcess, waitFor } from './haproxy.ts';

const HERE = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);

/** What a container answers by its published port; null where nobody does. */
async function said(port: number): Promise<string | null> {
  return (await request(`http://127.0.0.1:${port}/`).catch(() => null))?.body.trim() ?? null;
}

test('two engines run side by side, each with ports of its own; their image serves on after SIGTERM for its time', async () => {
  await using one = await startDocker();
  await using two = await startDocker();
  const ports: number[] = [];
  for (const [docker, name] of [
    [one, 'of one'],
    [two, 'of two'],
  ] as const) {
    await docker.run({ name: 'web', env: { NAME: name, LINGER: '1' } });
    const port = await docker.port('web');
    await waitFor(async () => (await said(port)) === name);
    ports.push(port);
  }
  const stopped = two.stop('web', 20);
  const began = Date.now();
  while (Date.now() - began < 500) {
    expect(await Promise.all(ports.map(said))).toEqual(['of one', 'of two']);
  }
  await stopped;
  const { Status, ExitCode } = JSON.parse(await two.api('GET', '/containers/web/json')).State;
  expect([Status, ExitCode]).toEqual(['exited', 0]);
});

test('with live-restore, containers outlive their engine', async () => {
  await using docker = await startDocker({ liveRestore: true });
  await docker.run({ name: 'web' });
  const state = async () => JSON.parse(await docker.api('GET', '/containers/web/json')).State;
  const { Pid } = await state();
  await docker.end();
  await docker.again();
  expect(await state()).toMatchObject({ Status: 'running', Pid });
});

/** A run of its own with an engine and a container. */
const RUN = `
  import startReaper from ${HERE('reaper.ts')};
  import { startDocker } from ${HERE('docker.ts')};
  startReaper();
  const docker = await startDocker();
  await docker.run({ name: 'web' });
  console.log('engine', docker.pid, docker.socket);
  setInterval(() => {}, 1000);
`;

test('of an engine whose run is killed with -9 nothing is left: no process, no mount, and soon no bridge', async () => {
  const { TEST_RUN_TAG: _, ...env } = process.env;
  await using run = await startProcess(process.execPath, ['--input-type=module', '-e', RUN], { env });
  const [, pid, socket = ''] = await waitFor(() => /^engine (\d+) (\S+)$/m.exec(run.output()), {
    timeout: 60_000,
  });
  const folder = socket.slice(0, socket.lastIndexOf('/'));
  const bridges = async () => (await execa('ip', ['-o', 'link'])).stdout.match(/pm-test-\d+(?=:)/g) ?? [];
  const of = await readFile(`/proc/${pid}/cmdline`, 'utf8');
  const bridge = /pm-test-\d+/.exec(of)?.[0] ?? '';
  expect(await bridges()).toContain(bridge);
  run.child.kill('SIGKILL');
  await waitFor(async () => !(await isAlive(Number(pid))));
  await waitFor(async () => {
    const { stdout } = await execa('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " "']);
    return !stdout.includes(folder);
  });
  expect(await readFile('/proc/mounts', 'utf8')).not.toContain(folder);
  // The next one of this machine clears up.
  await using _next = await startDocker();
  expect(await bridges()).not.toContain(bridge);
});
