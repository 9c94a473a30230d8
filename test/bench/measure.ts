import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TestEtcd } from '../support/etcd.ts';
import { request, startBackend, startProcess, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const FIRST_PORT = 10_000;
/** A little over the default `pace.reloadInterval`, so that no change waits for the one before it. */
const BETWEEN_MS = 2200;

/** What one size gave. Times in milliseconds, memory in MB. */
export interface Figures {
  readonly servers: number;
  /** From the start of the process to the published file. */
  readonly 'first file': number;
  readonly 'put, median': number;
  readonly 'put, p95': number;
  readonly 'delete, median': number;
  readonly 'delete, p95': number;
  /** Of Pointsman itself, without haproxy -c. */
  readonly 'CPU per change': number;
  /** Of the haproxy -c that it starts. */
  readonly 'CPU of checks': number;
  readonly RSS: number;
  readonly failed: number;
}

/** Measures one size. */
export async function measure(options: {
  readonly etcd: TestEtcd;
  readonly services: number;
  readonly instances: number;
  readonly rounds: number;
  /** `apply.mode` */
  readonly apply: string;
}): Promise<Figures> {
  const { etcd, services, instances, rounds, apply } = options;
  await using fleet = await startFleet(services * instances);
  await fill(etcd, fleet.addresses, services);
  await using fixed = await startBackend('fixed');
  await using moving = await startBackend('moving');
  await etcd.put('/services/probe/fixed', fixed.address);
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    pace: { reloadInterval: '2s' },
    more: { log: { format: 'json', level: 'warn' }, apply: { mode: apply } },
  });
  const start = performance.now();
  await using daemon = await startProcess(process.execPath, [MAIN, 'run', '--config', site.settingsFile]);
  await waitFor(() => readFile(site.configPath).catch(() => null), {
    every: 2,
    timeout: 60_000,
    what: 'the file',
  });
  const firstFile = performance.now() - start;
  const ask = () => request(site.url, { host: 'probe' });
  await waitFor(async () => (await ask().catch(() => null))?.status === 200, {
    timeout: 60_000,
    what: 'traffic',
  });
  await sleep(BETWEEN_MS);

  const cpu = await cpuOf(daemon.pid);
  const puts: number[] = [];
  const deletes: number[] = [];
  let failed = 0;
  for (let round = 0; round < rounds; round++) {
    const key = `/services/probe/moving-${round}`;
    const put = performance.now();
    await etcd.put(key, moving.address);
    while ((await ask()).body !== 'moving') {}
    puts.push(performance.now() - put);
    await sleep(BETWEEN_MS);
    const gone = performance.now();
    await etcd.delete(key);
    let last = gone;
    for (let others = 0; others < 100; ) {
      const { body, status } = await ask();
      if (status !== 200) failed++;
      others = body === 'moving' ? 0 : others + 1;
      if (body === 'moving') last = performance.now();
    }
    deletes.push(last - gone);
    await sleep(BETWEEN_MS);
  }
  const after = await cpuOf(daemon.pid);
  return {
    servers: services * instances,
    'first file': Math.round(firstFile),
    'put, median': quantile(puts, 0.5),
    'put, p95': quantile(puts, 0.95),
    'delete, median': quantile(deletes, 0.5),
    'delete, p95': quantile(deletes, 0.95),
    'CPU per change': Math.round((after.own - cpu.own) / (2 * rounds)),
    'CPU of checks': Math.round((after.children - cpu.children) / (2 * rounds)),
    RSS: await rssOf(daemon.pid),
    failed,
  };
}

/** Every instance really listens, so that HAProxy's checks find it. Ports that somebody has are passed over. */
async function startFleet(
  count: number,
): Promise<{ readonly addresses: readonly string[] } & AsyncDisposable> {
  const servers: Server[] = [];
  const addresses: string[] = [];
  for (let port = FIRST_PORT; addresses.length < count; port++) {
    const server = createServer((_, response) => response.end('fleet'));
    const listens = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!listens) continue;
    servers.push(server);
    addresses.push(`127.0.0.1:${port}`);
  }
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

async function fill(etcd: TestEtcd, addresses: readonly string[], services: number): Promise<void> {
  const instances = addresses.length / services;
  for (let s = 0; s < services; s++) {
    const own = addresses.slice(s * instances, (s + 1) * instances);
    const name = `service-${String(s).padStart(3, '0')}`;
    const key = (i: number) => `/services/${name}/instance-${String(i).padStart(2, '0')}`;
    await Promise.all(own.map((address, i) => etcd.put(key(i), address)));
  }
}

/** Milliseconds of CPU since the start: of the process itself, and of its ended children. */
async function cpuOf(pid: number): Promise<{ own: number; children: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return { own: (utime + stime) * 10, children: (cutime + cstime) * 10 };
}

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
}
