import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { request, startBackend, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeRuntimeSite, type RuntimeSite } from './runtime-fixture.ts';

/** What docs/operations.md says of a reload and balancing, seen on HAProxy itself. */
describe.each(haproxyVersions)('a reload of HAProxy $name', (binary) => {
  test('begins counters, the round and stick tables anew', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server b ${b.address}`], {
      backend: ['stick-table type string len 32 size 1k', 'stick on hdr(x-user)'],
      global: ['nbthread 1'],
    });
    const next = async () => (await request(site.url)).body;
    // An odd number: the next one is b's turn.
    expect([await next(), await next(), await next()]).toEqual(['a', 'b', 'a']);
    const sticky = await request(site.url, { headers: { 'x-user': 'me' } });
    expect(sticky.body).toBe('b');
    expect(await entries(site)).toBe(1);
    expect(await stat(site, 'stot')).toEqual(['2', '2']);
    await site.strangerReloads();
    expect(await stat(site, 'stot')).toEqual(['0', '0']);
    expect(await entries(site)).toBe(0);
    expect(await next()).toBe('a');
  });

  test('counts the connections of a server anew: the old worker’s do not count against maxconn', async () => {
    await using slow = await startSlow();
    await using site = await makeRuntimeSite(binary, [`server a 127.0.0.1:${slow.port} maxconn 1`]);
    const first = request(site.url);
    await waitFor(() => slow.waiting() === 1);
    await site.strangerReloads();
    const second = request(site.url);
    await waitFor(() => slow.waiting() === 2, { what: 'a second request at the server' });
    slow.answer();
    expect((await Promise.all([first, second])).map(({ body }) => body)).toEqual(['slow', 'slow']);
  });

  test('gives every server its full weight at once, slowstart or not', async () => {
    await using a = await startBackend('a');
    await using site = await makeRuntimeSite(binary, [
      `server a ${a.address} check weight 100 slowstart 10m`,
    ]);
    await site.strangerReloads();
    expect(await stat(site, 'weight')).toEqual(['100']);
  });
});

/** A column of the statistics of each server. */
async function stat(site: RuntimeSite, column: string): Promise<string[]> {
  const [header = '', ...lines] = (await site.cli('show stat')).split('\n');
  const at = header.split(',').indexOf(column);
  return lines.filter((line) => /^be,[ab],/.test(line)).map((line) => line.split(',')[at] ?? '');
}

async function entries(site: RuntimeSite): Promise<number> {
  return Number(/used:(\d+)/.exec(await site.cli('show table be'))?.[1]);
}

/** A server that answers nobody until it is told to. */
async function startSlow(): Promise<{ port: number; waiting(): number; answer(): void } & AsyncDisposable> {
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    waiting.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    waiting: () => waiting.length,
    answer() {
      for (const response of waiting) {
        response.end('slow');
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
