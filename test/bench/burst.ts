import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseProc } from '../../src/haproxy/master-socket.ts';
import type { TestEtcd } from '../support/etcd.ts';
import { cli, startBackend, waitFor } from '../support/haproxy.ts';
import type { Bench } from './daemon.ts';

const CHANGES = 200;
const EVERY_MS = 10;
const STREAMS = 10;

/** What 200 changes in 2 s gave. */
export interface Burst {
  readonly reloads: number;
  /** Milliseconds from the last put to the first answer of its instance. */
  readonly 'last one live': number;
  readonly requests: number;
  readonly failed: number;
  readonly 'streams cut': number;
  readonly 'old workers': number;
}

/** Puts and deletes with ten long streams and constant requests through HAProxy. */
export async function burst(bench: Bench, etcd: TestEtcd): Promise<Burst> {
  await using streamer = await startStreamer();
  await using last = await startBackend('last');
  await etcd.put('/services/stream/one', streamer.address);
  const url = `${bench.site.url}/`;
  const streams = await openStreams(url);
  // The new service took a reload.
  await waitFor(async () => (await procOf(bench)).oldWorkers.length === 0, {
    what: 'no old worker',
    timeout: 30_000,
  });
  await sleep(3000);
  const before = await procOf(bench);
  const load = new AbortController();
  const requests = underLoad(bench, load.signal);
  const begin = performance.now();
  for (let change = 0; change < CHANGES - 1; change++) {
    const key = `/services/probe/burst-${change >> 1}`;
    if (change % 2 === 0) {
      await etcd.put(key, bench.moving.address);
    } else {
      await etcd.delete(key);
    }
    await sleep(Math.max(0, begin + (change + 1) * EVERY_MS - performance.now()));
  }
  const put = performance.now();
  await etcd.put('/services/probe/last', last.address);
  while ((await bench.ask()).body !== 'last') {}
  const live = performance.now() - put;
  await sleep(3000);
  load.abort();
  const { count, failed } = await requests;
  const after = await procOf(bench);
  const cut = streams.filter((stream) => stream.ended).length;
  for (const stream of streams) {
    stream.close();
  }
  return {
    reloads: after.reloads - before.reloads,
    'last one live': Math.round(live),
    requests: count,
    failed,
    'streams cut': cut,
    'old workers': after.oldWorkers.length,
  };
}

async function procOf({ site }: Bench) {
  const proc = parseProc(await cli(site.masterSocket, 'show proc'));
  if (!proc) {
    throw new Error('show proc cannot be read');
  }
  return proc;
}

async function underLoad(bench: Bench, signal: AbortSignal): Promise<{ count: number; failed: number }> {
  let count = 0;
  let failed = 0;
  while (!signal.aborted) {
    const status = await bench.ask().then(
      (response) => response.status,
      () => 0,
    );
    count++;
    if (status !== 200) {
      failed++;
    }
    await sleep(2);
  }
  return { count, failed };
}

/** A server whose answers never end. */
async function startStreamer(): Promise<{ readonly address: string } & AsyncDisposable> {
  const server: Server = createServer((_, response) => {
    const timer = setInterval(() => response.write('more\n'), 100);
    response.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Stream {
  readonly ended: boolean;
  close(): void;
}

async function openStreams(url: string): Promise<readonly Stream[]> {
  const one = () =>
    new Promise<Stream | null>((resolve) => {
      const state = { ended: false, close: () => request.destroy() };
      const request = get(url, { headers: { host: 'stream' }, agent: false }, (response) => {
        if (response.statusCode !== 200) {
          request.destroy();
          resolve(null);
          return;
        }
        response.once('data', () => resolve(state)).resume();
        response.once('close', () => {
          state.ended = true;
        });
      });
      request.once('error', () => {
        state.ended = true;
        resolve(null);
      });
    });
  return Promise.all(
    Array.from({ length: STREAMS }, () =>
      waitFor(one, { what: 'a stream through HAProxy', timeout: 20_000, every: 100 }),
    ),
  );
}
