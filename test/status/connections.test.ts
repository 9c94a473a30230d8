import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { CONNECTION_LIMITS, type ConnectionLimits } from '../../src/status/connections.ts';
import { startStatusServer } from '../../src/status/server.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { waitFor } from '../support/haproxy.ts';

const { connections: MOST, kept, streams } = CONNECTION_LIMITS;
/** So many requests but for streams and health at one time. */
const BUSY = MOST - kept - streams;

/** A server whose metrics are never read to their end, until they are `released`. */
async function start(limits: Partial<ConnectionLimits> = {}, hosts: readonly string[] = []) {
  const waiting: (() => void)[] = [];
  const stack = new AsyncDisposableStack();
  const server = stack.use(
    await startStatusServer({
      listen: { host: '127.0.0.1', port: 0 },
      hosts,
      limits: { ...CONNECTION_LIMITS, ...limits },
      status: trackStatus({ version: '1', now: Date.now }).current,
      metrics: {
        read: async () => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          return { text: 'a 1\n', contentType: 'text/plain' };
        },
      },
      heartbeat: Date.now,
      overdue: () => null,
      now: Date.now,
    }),
  );
  const port = Number(new URL(server.url).port);
  /** What a client sees of its connection. */
  const open = async (text = '') => {
    const socket = connect(port, '127.0.0.1');
    stack.defer(() => void socket.destroy());
    socket.on('error', () => undefined);
    const seen = { socket, said: '', closed: false };
    socket.setEncoding('utf8').on('data', (said: string) => {
      seen.said += said;
    });
    socket.once('close', () => {
      seen.closed = true;
    });
    await once(socket, 'connect');
    socket.write(text);
    return seen;
  };
  const openMany = async (count: number, text = '') => {
    const all = [];
    for (let at = 0; at < count; at += 1) {
      all.push(await open(text));
    }
    return all;
  };
  return { server, open, openMany, waiting, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function ask(url: string, path: string, host?: string): Promise<{ code: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      { agent: false, ...(host === undefined ? {} : { headers: { host } }) },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.once('end', () => resolve({ code: answer.statusCode, text }));
      },
    );
    sent.once('error', reject).end();
  });
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

test('beyond 64 connections the one that has been idle for the longest time makes room, and one that was just asked is not it', async () => {
  await using site = await start();
  const all = await site.openMany(MOST);
  const [first, second] = all;
  first?.socket.write(get('/healthz'));
  await waitFor(() => first?.said.includes('200 OK') ?? false);
  expect((await ask(site.server.url, '/readyz')).code).toBe(503);
  await waitFor(() => second?.closed ?? false);
  expect(all.filter(({ closed }) => closed)).toHaveLength(1);
});

test('with 400 idle connections, or as many half-sent requests, health is answered and 64 stay open', async () => {
  for (const text of ['', 'GET /healthz HTTP/1.1\r\nHost: 127.0']) {
    await using site = await start({ head: 60_000, request: 60_000 });
    const all = await site.openMany(400, text);
    expect(await ask(site.server.url, '/healthz')).toEqual({ code: 200, text: 'healthy\n' });
    await waitFor(() => all.filter(({ closed }) => !closed).length < MOST + 1);
  }
});

test('requests that take long leave places for health: the others are answered 503', async () => {
  await using site = await start();
  await site.openMany(BUSY, get('/metrics'));
  await waitFor(() => site.waiting.length === BUSY);
  expect(await ask(site.server.url, '/metrics')).toEqual({
    code: 503,
    text: 'too many requests at one time\n',
  });
  expect((await ask(site.server.url, '/api/status')).code).toBe(503);
  const idle = await site.openMany(200);
  expect((await ask(site.server.url, '/healthz')).code).toBe(200);
  expect((await ask(site.server.url, '/readyz?verbose')).text).toMatch(/^not ready/);
  expect(site.waiting).toHaveLength(BUSY);
  await waitFor(() => idle.filter(({ closed }) => !closed).length <= MOST - BUSY);
  for (const release of site.waiting) {
    release();
  }
  const again = ask(site.server.url, '/metrics');
  await waitFor(() => site.waiting.length > BUSY);
  site.waiting.at(-1)?.();
  expect((await again).code).toBe(200);
});

test('a head that does not come to its end, a connection that is left idle, and an answer that takes too long are cut', async () => {
  await using site = await start({ head: 200, request: 300, idle: 200, answer: 200 });
  const opened = {
    mute: await site.open(),
    half: await site.open('GET /healthz HTTP/1.1\r\nHost: 127.0'),
    unread: await site.open(get('/metrics')),
    answered: await site.open(get('/healthz')),
  };
  for (const [name, one] of Object.entries(opened)) {
    await waitFor(() => one.closed, { what: `the end of ${name}` });
  }
  expect(opened.answered.said).toContain('healthy');
  expect(opened.unread.said).toBe('');
});

test('requests one behind the other on a connection that ends are counted no longer', async () => {
  await using site = await start();
  for (let turn = 0; turn < 3; turn += 1) {
    const one = await site.open(get('/metrics').repeat(20));
    await waitFor(() => site.waiting.length >= 20 * (turn + 1));
    one.socket.destroy();
  }
  const before = site.waiting.length;
  const held = await site.openMany(BUSY, get('/metrics'));
  await waitFor(() => site.waiting.length === before + BUSY);
  expect(held.filter(({ said, closed }) => said !== '' || closed)).toEqual([]);
});

test('a Host that is no address, not localhost and not in status.hosts is answered 421, whatever is asked', async () => {
  await using site = await start({}, ['Node1.example.com']);
  const { url } = site.server;
  const port = new URL(url).port;
  for (const host of [
    'rebound.example.com',
    `rebound.example.com:${port}`,
    'localhost.example.com',
    '127.0.0.1.nip.io',
    '[::1',
    'x@127.0.0.1',
  ]) {
    for (const path of ['/healthz', '/readyz', '/api/status', '/metrics', '/']) {
      const { code, text } = await ask(url, path, host);
      expect([host, path, code]).toEqual([host, path, 421]);
      expect(text).toContain('status.hosts');
    }
  }
  for (const host of [
    '127.0.0.1',
    '10.1.2.3:9290',
    '[::1]:9290',
    '[fd00::1]',
    'LOCALHOST',
    `localhost:${port}`,
    'node1.example.com',
    'node1.example.com.:80',
  ]) {
    expect([host, (await ask(url, '/healthz', host)).code]).toEqual([host, 200]);
  }
  const old = await site.open('GET /healthz HTTP/1.0\r\n\r\n');
  await waitFor(() => old.said.includes('200 OK'));
});

test('localhost is both of its addresses, with the same limits', async () => {
  const server = await startStatusServer({
    listen: { host: 'localhost', port: 0 },
    hosts: [],
    status: trackStatus({ version: '1', now: Date.now }).current,
    metrics: { read: async () => ({ text: '', contentType: 'text/plain' }) },
    heartbeat: Date.now,
    overdue: () => null,
    now: Date.now,
  });
  const { port } = new URL(server.url);
  const sockets: Socket[] = [];
  try {
    await waitFor(
      async () => (await ask(`http://[::1]:${port}`, '/healthz').catch(() => null))?.code === 200,
    );
    for (const host of ['127.0.0.1', '::1']) {
      for (let at = 0; at < MOST; at += 1) {
        const socket = connect(Number(port), host).on('error', () => undefined);
        sockets.push(socket);
        await once(socket, 'connect');
      }
    }
    await waitFor(() => sockets.filter(({ destroyed }) => !destroyed).length <= MOST);
    expect((await ask(server.url, '/healthz')).code).toBe(200);
  } finally {
    for (const socket of sockets) {
      socket.destroy();
    }
    await server[Symbol.asyncDispose]();
  }
  await expect(ask(`http://[::1]:${port}`, '/healthz')).rejects.toThrow();
});
