import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePort, request, startBackend, startLoad, startProcess, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { fillBacklog, openWire, startPackaged, startTcp, statOf, statusOf } from './packaged-haproxy.ts';

const GET = 'GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n';

/** A DNS server that knows one IPv4 address for every name. */
async function startDns(ip: readonly number[]): Promise<{ readonly address: string } & AsyncDisposable> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const isA = query.readUInt16BE(end - 4) === 1;
    const answer = Buffer.concat([
      query.subarray(0, 2),
      Buffer.from([0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]),
      query.subarray(12, end),
      Buffer.from(isA ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, ...ip] : []),
    ]);
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** A server that answers with the X-Forwarded-For that it got. */
async function startEcho(): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    response.end(`from ${String(request.headers['x-forwarded-for'])}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each(haproxyVersions)('the packaged template on HAProxy $name', (haproxy) => {
  test('tells services who asked, and takes that from the PROXY protocol where it is chosen', async () => {
    await using echo = await startEcho();
    const tree = { services: { web: { a: echo.address } } };
    await using plain = await startPackaged(haproxy, tree);
    expect((await request(plain.url, { host: 'web' })).body).toBe('from 127.0.0.1');

    await using behind = await startPackaged(haproxy, tree, { proxyProtocol: true });
    await using wire = await openWire(behind.port);
    wire.send(`PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n${GET}`);
    await wire.closed;
    expect(wire.received()).toContain('from 203.0.113.7');
    await using bare = await openWire(behind.port);
    bare.send(GET);
    await bare.closed;
    expect(bare.received()).not.toContain('from');
  });

  test('tcp services and services with a port of their own are reached there, and only there', async () => {
    await using echo = await startTcp((socket) => socket.end('hello from tcp'));
    await using admin = await startBackend('admin');
    const [tcpPort, adminPort] = [await freePort(), await freePort()];
    const tree = {
      services: { db: { a: echo.address }, admin: { a: admin.address } },
      routes: {
        db: { mode: 'tcp', port: tcpPort },
        admin: { expose: false, port: adminPort, timeouts: { client: '5s' } },
      },
    };
    await using running = await startPackaged(haproxy, tree);
    await using wire = await openWire(tcpPort);
    await wire.closed;
    expect(wire.received()).toBe('hello from tcp');
    expect((await request(`http://127.0.0.1:${adminPort}/`)).body).toBe('admin');
    expect((await request(running.url, { host: 'admin' })).status).toBe(404);
    expect((await request(running.url, { host: 'db' })).status).toBe(404);
  });

  test('the health URI says 503 without any instance, 200 with one, and 503 once none is up', async () => {
    const health = '/haproxy-health';
    await using empty = await startPackaged(haproxy, { services: {} });
    expect((await request(empty.url + health)).status).toBe(503);
    await using routes = await startPackaged(haproxy, { routes: { web: { hosts: ['web.org'] } } });
    expect((await request(routes.url + health)).status).toBe(503);

    const backend = await startBackend('web');
    const vars = { checkInterval: '100ms', healthUri: '/alive' };
    await using one = await startPackaged(haproxy, { services: { web: { a: backend.address } } }, vars);
    expect((await request(`${one.url}/alive`)).status).toBe(200);
    await backend[Symbol.asyncDispose]();
    await waitFor(async () => (await request(`${one.url}/alive`)).status === 503, { what: 'a 503' });
  });

  test('the health URI fails while HAProxy stops', async () => {
    await using backend = await startBackend('web');
    await using running = await startPackaged(haproxy, { services: { web: { a: backend.address } } });
    // Keeps the worker from ending at once.
    await using held = await openWire(running.port);
    held.send('GET / HTTP/1.1\r\nHost: web\r\n');
    await using wire = await openWire(running.port);
    wire.send('GET /haproxy-health HTTP/1.1\r\nHost: x\r\n');
    expect((await request(`${running.url}/haproxy-health`)).status).toBe(200);
    process.kill(running.process.pid, 'SIGUSR1');
    // A new check finds nobody who listens, ...
    await waitFor(() =>
      request(`${running.url}/haproxy-health`).then(
        () => false,
        () => true,
      ),
    );
    // ... and one that is under way gets its answer.
    wire.send('\r\n');
    await wire.closed;
    expect(wire.received()).toContain(' 503 ');
  });

  test('a draining instance and one of weight 0 get no new sessions, a backup only when all others are down', async () => {
    await using draining = await startBackend('draining');
    await using zero = await startBackend('zero');
    await using backup = await startBackend('backup');
    const good = await startBackend('good');
    const tree = {
      services: {
        web: {
          a: { host: '127.0.0.1', port: draining.port, drain: true, weight: 100 },
          b: { host: '127.0.0.1', port: zero.port, weight: 0 },
          c: { host: '127.0.0.1', port: backup.port, backup: true },
          d: good.address,
        },
      },
    };
    await using running = await startPackaged(haproxy, tree, { checkInterval: '100ms' });
    for (let n = 0; n < 20; n += 1) {
      expect((await request(running.url, { host: 'web' })).body).toBe('good');
    }
    await good[Symbol.asyncDispose]();
    await waitFor(async () => (await statusOf(running, 'be_web', 'd')).startsWith('DOWN'));
    expect((await request(running.url, { host: 'web' })).body).toBe('backup');
    expect(draining.requests() + zero.requests()).toBe(0);
  });

  test('a GET whose server says nothing is sent to another; a POST is never sent twice', async () => {
    let posts = 0;
    await using mute = await startTcp((socket) =>
      socket.on('data', (data) => {
        if (String(data).startsWith('POST')) {
          posts += 1;
        }
        socket.destroy();
      }),
    );
    await using good = await startBackend('good');
    const services = { web: { a: mute.address, b: good.address } };
    await using running = await startPackaged(haproxy, {
      services,
      routes: { web: { balance: 'static-rr' } },
    });
    for (let n = 0; n < 6; n += 1) {
      expect(await request(running.url, { host: 'web' })).toMatchObject({ status: 200, body: 'good' });
    }
    const answers: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      await using wire = await openWire(running.port);
      wire.send('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
      await wire.closed;
      answers.push(/^HTTP\S+ (\d+)/.exec(wire.received())?.[1] ?? 'none');
    }
    expect(answers.filter((status) => status === '200').length + posts).toBe(6);
    expect(posts).toBeGreaterThan(0);
  });

  test('an instance that is checked by path is down while it answers with another status', async () => {
    await using good = await startBackend('good');
    await using bad = await startTcp((socket) =>
      socket.on('data', (data) => {
        const check =
          String(data).startsWith('GET /healthz?deep=1 HTTP/1.1\r\n') && /host: web\r\n/i.test(String(data));
        socket.end(`HTTP/1.1 ${check ? 503 : 200} X\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad`);
      }),
    );
    const services = { web: { bad: bad.address, good: good.address } };
    const check = { path: '/healthz?deep=1', interval: '100ms', fall: 1, status: '200-299' };
    await using running = await startPackaged(haproxy, {
      services,
      routes: { web: { hosts: ['web'], check } },
    });
    await waitFor(async () => (await statusOf(running, 'be_web', 'bad')).startsWith('DOWN'));
    expect(await statusOf(running, 'be_web', 'good')).toBe('UP');
    expect((await request(running.url, { host: 'web' })).body).toBe('good');
  });

  test('with balance uri, an instance that comes takes over some URIs and moves no other', async () => {
    await using first = await startBackend('a');
    await using second = await startBackend('b');
    await using third = await startBackend('c');
    const routes = { web: { balance: 'uri' } };
    const few = { 'host-1:web:80': first.address, 'host-3:web:80': third.address };
    const more = { ...few, 'host-2:web:80': second.address };
    await using before = await startPackaged(haproxy, { services: { web: few }, routes });
    await using after = await startPackaged(haproxy, { services: { web: more }, routes });
    const seen = new Set<string>();
    for (let n = 0; n < 40; n += 1) {
      const [old, now] = await Promise.all(
        [before, after].map((one) => request(`${one.url}/${n}`, { host: 'web' })),
      );
      seen.add(String(now?.body));
      expect([old?.body, 'b']).toContain(now?.body);
    }
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
  });

  test('logs errors and changes of state, and no request that went well', async () => {
    const backend = await startBackend('web');
    const vars = { checkInterval: '100ms' };
    await using running = await startPackaged(haproxy, { services: { web: { a: backend.address } } }, vars);
    expect((await request(`${running.url}/fine`, { host: 'web' })).status).toBe(200);
    expect((await request(`${running.url}/unknown`, { host: 'nobody' })).status).toBe(404);
    await backend[Symbol.asyncDispose]();
    await waitFor(() => running.process.output().includes('be_web/a is DOWN'), {
      what: 'the change of state',
    });
    expect((await request(`${running.url}/broken`, { host: 'web' })).status).toBe(503);
    await waitFor(() => running.process.output().includes('GET /broken'), { what: 'the failed request' });
    expect(running.process.output()).not.toContain('/fine');
    expect(running.process.output()).not.toContain('/unknown');
  });

  test('an instance with a host name is reached by what the name servers of vars say', async () => {
    await using backend = await startBackend('named');
    await using dns = await startDns([127, 0, 0, 1]);
    const services = { web: { a: `db.example.com:${backend.port}` } };
    await using running = await startPackaged(haproxy, { services }, { nameservers: [dns.address] });
    await waitFor(async () => (await request(running.url, { host: 'web' })).body === 'named', {
      what: 'an answer of the instance',
    });
  });

  test('a host that drops every packet costs no request, and is out of use after a few', async () => {
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    const gonePort = await freePort();
    // Listens and never accepts; with its backlog full, the kernel drops what comes.
    await using stuck = await startProcess(process.execPath, [
      '-e',
      `require('node:net').createServer().listen({ port: ${gonePort}, host: '127.0.0.1', backlog: 1 }, () => {
         require('node:fs').writeSync(1, 'listening');
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       });`,
    ]);
    await waitFor(() => stuck.output().includes('listening'));
    await using _full = await fillBacklog(gonePort);
    const services = { web: { a: one.address, b: two.address, gone: `127.0.0.1:${gonePort}` } };
    await using running = await startPackaged(haproxy, { services });
    {
      await using load = startLoad(running.url, { host: 'web', concurrency: 4 });
      await waitFor(async () => (await statusOf(running, 'be_web', 'gone')).startsWith('DOWN'), {
        what: 'the blackholed server to be marked down',
        timeout: 20_000,
      });
      const before = load.ok();
      await waitFor(() => load.ok() > before + 50, { what: 'more requests' });
      expect(load.failures()).toEqual([]);
      expect([...load.bodies().keys()].sort()).toEqual(['one', 'two']);
    }
    // Some requests were sent there, waited for it in vain, and went to another server.
    expect(Number(await statOf(running, 'be_web', 'BACKEND', 'wredis'))).toBeGreaterThan(0);
  });
});
