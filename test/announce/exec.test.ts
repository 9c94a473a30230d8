import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { startAnnounce, storedKey, type TestAnnounce } from '../support/announce.ts';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { freePort, isAlive, request, tempFolder, waitFor } from '../support/haproxy.ts';

const KEY = '/services/web/i-1';

const shared = await startEtcd();
afterAll(() => shared[Symbol.asyncDispose]());

/** A service that notes its signals in a file, and ends with 7 at SIGTERM. */
const SERVICE = `
const { appendFileSync } = require('node:fs');
const [port, file, late] = process.argv.slice(1);
for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) {
  process.on(name, () => {
    appendFileSync(file, name + '\\n');
    if (['SIGTERM', 'SIGINT', 'SIGQUIT'].includes(name)) setTimeout(() => process.exit(7), 200);
  });
}
const server = require('node:http').createServer((request, response) => response.end('web'));
setTimeout(() => server.listen(port, '127.0.0.1'), late);
`;

interface Run extends AsyncDisposable {
  readonly etcd: TestEtcd;
  readonly announce: TestAnnounce;
  readonly port: number;
  readonly folder: string;
  /** The signals that the service has got. */
  signals(): Promise<string>;
  key(): ReturnType<typeof storedKey>;
  registered(): Promise<void>;
}

async function run(options: {
  /** @default one for all tests here */
  readonly etcd?: TestEtcd;
  readonly late?: number;
  readonly drain?: string;
  readonly command?: (of: { port: number; folder: string }) => readonly string[];
  readonly more?: readonly string[];
}): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const { etcd = shared } = options;
  const folder = stack.use(await tempFolder()).path;
  const port = await freePort();
  const file = `${folder}/signals`;
  const { late = 0, drain = '400ms', more = [] } = options;
  const service = ['node', '-e', SERVICE, '--', String(port), file, String(late)];
  const command = options.command?.({ port, folder }) ?? service;
  const flags = ['--service', 'web', '--port', String(port), '--host', '127.0.0.1', '--instance', 'i-1'];
  const announce = stack.use(
    await startAnnounce({
      etcd,
      stateDir: folder,
      flags,
      more: ['--drain', drain, ...more, '--exec', ...command],
    }),
  );
  const held = stack.move();
  return {
    etcd,
    announce,
    port,
    folder,
    signals: () => readFile(file, 'utf8').catch(() => ''),
    key: () => storedKey(etcd, KEY),
    registered: async () => void (await announce.told('registered')),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const answers = (port: number) => request(`http://127.0.0.1:${port}/`).then(({ body }) => body);

test('a service is announced when it listens, and drained, deleted and only then told to end; its exit code is ours', async () => {
  await using site = await run({ late: 300, drain: '1500ms' });
  await site.registered();
  expect(await answers(site.port)).toBe('web');

  site.announce.child.kill('SIGTERM');
  await waitFor(async () => (await site.key())?.text.includes('"drain":true'), { what: 'drain' });
  // A second one, and another, cut nothing short.
  site.announce.child.kill('SIGTERM');
  site.announce.child.kill('SIGINT');
  for (;;) {
    const answer = await answers(site.port).catch((error: Error) => error.message);
    const signals = await site.signals();
    // What was seen before the key was found to be there still.
    if ((await site.key()) === null) {
      break;
    }
    expect({ answer, signals }).toEqual({ answer: 'web', signals: '' });
  }
  expect(await site.announce.ended).toBe(7);
  expect(await site.signals()).toBe('SIGTERM\n');
  const kinds = site.announce.log().map(({ event }) => event);
  expect(kinds.slice(kinds.indexOf('stopping')).filter((one) => one !== 'registered')).toEqual([
    'stopping',
    'draining',
    'deregistered',
    'service-ended',
    'stopped',
  ]);
});

test('what services take for other things than their end goes on at once, and the service stays', async () => {
  await using site = await run({});
  await site.registered();
  for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    site.announce.child.kill(name);
    await waitFor(async () => (await site.signals()).includes(name), { what: name });
  }
  expect(await answers(site.port)).toBe('web');
  expect(await site.key()).not.toBeNull();
});

test('SIGQUIT ends the service in the same order, with SIGQUIT', async () => {
  await using site = await run({});
  await site.registered();
  site.announce.child.kill('SIGQUIT');
  await waitFor(async () => (await site.key())?.text.includes('"drain":true'), { what: 'drain' });
  expect(await site.announce.ended).toBe(7);
  expect(await site.signals()).toBe('SIGQUIT\n');
  expect(await site.key()).toBeNull();
});

test('a service that ends by itself takes its key with it at once, and its exit code is ours', async () => {
  await using site = await run({
    drain: '60s',
    command: ({ port, folder }) => [
      'node',
      '-e',
      `require('node:http').createServer().listen(${port}, '127.0.0.1');
       setInterval(() => require('node:fs').existsSync('${folder}/end') && process.exit(3), 10)`,
    ],
  });
  await site.registered();
  await writeFile(`${site.folder}/end`, '');
  expect(await site.announce.ended).toBe(3);
  expect(await site.key()).toBeNull();
  expect(site.announce.output()).toContain('node ended by itself with 3');
});

test('a service that is killed is 128 and the number of the signal, also in the middle of its drain', async () => {
  await using site = await run({ drain: '60s' });
  await site.registered();
  const { pid } = await site.announce.told('service-started');
  site.announce.child.kill('SIGTERM');
  await waitFor(async () => (await site.key())?.text.includes('"drain":true'), { what: 'drain' });
  process.kill(Number(pid), 'SIGKILL');
  expect(await site.announce.ended).toBe(137);
  expect(await site.key()).toBeNull();
});

test('the arguments of a service are its own, whatever they look like', async () => {
  const words = ['--service', 'api', '-c', '', '--', '--exec', 'a b', '$HOME'];
  await using site = await run({
    command: ({ folder }) => [
      'sh',
      '-c',
      `for one; do echo "<$one>"; done > ${folder}/words`,
      'sh',
      ...words,
    ],
  });
  expect(await site.announce.ended).toBe(0);
  expect(await readFile(`${site.folder}/words`, 'utf8')).toBe(words.map((one) => `<${one}>\n`).join(''));
});

test('all that a service says is passed on, however much, while announce speaks too', async () => {
  await using site = await run({
    command: () => ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; exit 4'],
  });
  // Nobody reads for a while: the pipe is full.
  site.announce.child.stdout?.pause();
  await site.announce.told('service-started');
  await site.announce.told('health');
  site.announce.child.stdout?.resume();
  expect(await site.announce.ended).toBe(4);
  await waitFor(() => site.announce.output().replace(/[^x]/g, '').length >= 3_000_000);
});

test('a service that cannot be run is said, and nothing is registered', async () => {
  await using site = await run({ command: () => ['/nowhere/web'] });
  expect(await site.announce.ended).toBe(1);
  expect(site.announce.output()).toContain('pointsman: starting /nowhere/web: /nowhere/web is not there');
  expect(await site.key()).toBeNull();
});

test('a service runs and ends in order while etcd is away', async () => {
  await using etcd = await startEtcd();
  await using site = await run({ etcd });
  await site.registered();
  await site.etcd.kill();
  await site.announce.told('store-away');
  expect(await answers(site.port)).toBe('web');
  site.announce.child.kill('SIGTERM');
  expect(await site.announce.ended).toBe(7);
  expect(await site.signals()).toBe('SIGTERM\n');
});

test.each([
  [['--exec'], 'reading --exec: no program follows it'],
  [['node', 'server.js'], 'reading "node": it belongs to no flag'],
])('a program belongs to --exec: %s', async (more, said) => {
  await using state = await tempFolder();
  const etcd = { endpoint: 'http://127.0.0.1:1' };
  await using announce = await startAnnounce({ etcd, stateDir: state.path, more });
  expect(await announce.ended).toBe(2);
  expect(announce.output()).toContain(said);
});

test('a service that was never well is not drained: its end comes at once', async () => {
  await using site = await run({ drain: '60s', command: () => ['sleep', '60'] });
  const { pid } = await site.announce.told('service-started');
  await site.announce.told('health');
  site.announce.child.kill('SIGTERM');
  expect(await site.announce.ended).toBe(143);
  expect(await isAlive(Number(pid))).toBe(false);
});
