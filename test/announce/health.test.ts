import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { type Health, type HealthOptions, watchHealth } from '../../src/announce/health.ts';
import { readHealthCheck } from '../../src/announce/health-check.ts';
import { UsageError } from '../../src/errors.ts';
import { clock, useClock } from '../../src/ports/clock.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/haproxy.ts';

interface Watched extends AsyncDisposable {
  /** What was told, in words. */
  readonly told: string[];
  /** Waits until something like this was told last. */
  until(last: RegExp): Promise<void>;
}

function watched(options: HealthOptions): Watched {
  const stop = new AbortController();
  const told: string[] = [];
  const words = (health: Health) => (health.kind === 'well' ? 'well' : `unwell: ${health.reason}`);
  const done = watchHealth(options, (health) => told.push(words(health)), stop.signal);
  return {
    told,
    until: async (last) => {
      await waitFor(() => last.test(told.at(-1) ?? ''), { what: `${last}, not ${told}` });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

interface Listening extends AsyncDisposable {
  readonly port: number;
}

async function listen(
  server: ReturnType<typeof createTcpServer>,
  port: number | Promise<number> = freePort(),
): Promise<Listening> {
  const at = await port;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(at, '127.0.0.1', resolve);
  });
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket));
  return {
    port: at,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) {
        socket.destroy();
      }
      await closed;
    },
  };
}

const http = (answer: RequestListener) => listen(createServer(answer));
const tcp = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port }) as const;
const every = 30;

test('an instance is well when it was reached `rise` times in a row, and no more after `fall` bad checks', async () => {
  const port = await freePort();
  await using health = watched({ check: tcp(port), every });
  await health.until(/^unwell: nobody listens there/);
  {
    await using _server = await listen(createTcpServer(), port);
    await health.until(/^well$/);
  }
  await health.until(/^unwell: nobody listens there/);
  await using _again = await listen(createTcpServer(), port);
  await health.until(/^well$/);
  expect(health.told).toHaveLength(4);
});

test('who takes a connection and closes it at once is not well: behind the proxy of Docker nobody listens', async () => {
  await using server = await listen(createTcpServer((socket) => socket.end()));
  await using health = watched({ check: tcp(server.port), every });
  await health.until(/^unwell: 127.0.0.1:\d+ closes the connection at once$/);
});

test('who speaks first and closes then is well', async () => {
  await using server = await listen(createTcpServer((socket) => socket.end('220 hello\r\n')));
  await using health = watched({ check: tcp(server.port), every });
  await health.until(/^well$/);
});

test('a check by HTTP takes 2xx and 3xx for good, asks for the path, and says what else it got', async () => {
  let status = 503;
  const paths = new Set<string | undefined>();
  await using server = await http((request, response) => {
    paths.add(request.url);
    response.writeHead(status).end('a body');
  });
  const check = readHealthCheck('/healthz?deep=1', { host: '127.0.0.1', port: server.port }, '--check');
  await using health = watched({ check, every });
  await health.until(/^unwell: it answers 503$/);
  status = 302;
  await health.until(/^well$/);
  status = 404;
  await health.until(/^unwell: it answers 404$/);
  status = 204;
  await health.until(/^well$/);
  expect([...paths]).toEqual(['/healthz?deep=1']);
});

test('who takes requests and does not answer is not well, and a body without an end is no hindrance', async () => {
  let mode: 'silent' | 'endless' | 'hangs up' = 'silent';
  await using server = await http((request, response) => {
    if (mode === 'hangs up') {
      request.socket.destroy();
    } else if (mode === 'endless') {
      response.write('begins');
    }
  });
  const check = { kind: 'http', url: `http://127.0.0.1:${server.port}/` } as const;
  await using health = watched({ check, every, timeout: 150 });
  await health.until(/^unwell: no answer in 150 ms$/);
  mode = 'endless';
  await health.until(/^well$/);
  mode = 'hangs up';
  await health.until(/^unwell: (?:the connection was reset|socket hang up)$/);
});

test('one bad check among good ones is nothing, and is not told', async () => {
  let asked = 0;
  await using server = await http((_request, response) => {
    asked++;
    response.writeHead(asked > 3 && asked % 3 === 0 ? 500 : 200).end();
  });
  const check = { kind: 'http', url: `http://127.0.0.1:${server.port}/` } as const;
  await using health = watched({ check, every: 5, fall: 2 });
  await waitFor(() => asked > 30);
  expect(health.told).toEqual(['well']);
});

test('what the reason is now is told where it changes, once each', async () => {
  let status = 500;
  let asked = 0;
  await using server = await http((_request, response) => {
    asked++;
    response.writeHead(status).end();
  });
  const check = { kind: 'http', url: `http://127.0.0.1:${server.port}/` } as const;
  await using health = watched({ check, every });
  await waitFor(() => asked > 3);
  status = 503;
  await health.until(/503/);
  expect(health.told).toEqual(['unwell: it answers 500', 'unwell: it answers 503']);
});

test('who has been unwell for an hour is asked every 100 ms as at first: it is served as soon as it is well', async () => {
  let asked = 0;
  await using server = await http((_request, response) => {
    asked++;
    response.writeHead(500).end();
  });
  const check = { kind: 'http', url: `http://127.0.0.1:${server.port}/` } as const;
  const pauses: number[] = [];
  let ahead = 0;
  using _time = {
    [Symbol.dispose]: () => useClock(null),
  };
  useClock({
    origin: clock.origin,
    now: () => performance.now() + ahead,
    date: () => Date.now() + ahead,
    after(ms, call) {
      pauses.push(ms);
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
  });
  await using health = watched({ check, every: 5_000 });
  await health.until(/500/);
  ahead = 3_600_000;
  const before = asked;
  await waitFor(() => asked >= before + 3);
  expect(new Set(pauses)).toEqual(new Set([100]));
});

test('nobody is asked any more when the signal has come, also in the middle of a check', async () => {
  let open = 0;
  await using server = await listen(
    createServer().on('connection', (socket) => {
      open++;
      socket.once('close', () => open--);
    }),
  );
  const check = { kind: 'http', url: `http://127.0.0.1:${server.port}/` } as const;
  {
    await using _health = watched({ check, timeout: 60_000 });
    await waitFor(() => open === 1);
  }
  await waitFor(() => open === 0);
});

test('a check is tcp, a path at the announced address, or an URL', () => {
  const read = (text: string, host = '10.0.0.1') => readHealthCheck(text, { host, port: 8080 }, '--check');
  expect(read('tcp')).toEqual({ kind: 'tcp', host: '10.0.0.1', port: 8080 });
  expect(read('/healthz')).toEqual({ kind: 'http', url: 'http://10.0.0.1:8080/healthz' });
  expect(read('/a', 'fd00::2')).toEqual({ kind: 'http', url: 'http://[fd00::2]:8080/a' });
  expect(read('http://127.0.0.1:9000/up?x=1')).toEqual({ kind: 'http', url: 'http://127.0.0.1:9000/up?x=1' });
});

test.each([
  '',
  'udp',
  'https://10.0.0.1/',
  'http:/healthz',
  'http://',
  'http://me:word@10.0.0.1/',
  'healthz',
])('a check "%s" is refused with what it may be', (text) => {
  const read = () => readHealthCheck(text, { host: '10.0.0.1', port: 8080 }, '--check');
  expect(read).toThrow(UsageError);
  expect(read).toThrow(/^reading --check: /);
});
