import { createServer, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEtcd } from '../support/etcd.ts';
import { cli, freePort, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import type { Drill, DrillResult } from './drill.ts';
import { hold } from './rig.ts';

/** The host that is rebooted, and one that is not. Linux has all of 127/8 on its loopback. */
const REBOOTED = '127.0.0.2';
const OTHER = '127.0.0.3';
const SERVICES = ['web', 'api'] as const;
type Service = (typeof SERVICES)[number];

/** A container: answers its service's name, and counts the requests that were meant for another. */
interface Container extends AsyncDisposable {
  readonly service: Service;
  readonly address: string;
}

/** What went wrong, of every request that was sent while the drill ran. */
interface Tally {
  sent: number;
  failed: number;
  /** Requests that arrived where they were not meant to. */
  readonly wrong: string[];
}

async function startContainer(service: Service, address: string, tally: Tally): Promise<Container> {
  const [host = '', port = ''] = address.split(':');
  const server = createServer((request, response) => {
    if (request.headers.host !== service)
      tally.wrong.push(`${request.headers.host} at ${address} of ${service}`);
    response.end(service);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), host, resolve);
  });
  return {
    service,
    address,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Asks a host's HAProxy for a service, again and again, on fresh connections, until `signal` aborts. */
async function load(site: Site, service: Service, tally: Tally, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    tally.sent += 1;
    const body = await ask(site.url, service);
    if (body === null) tally.failed += 1;
    else if (body !== service) tally.wrong.push(`${service} was answered by ${body}`);
    await sleep(3);
  }
}

/** The body of a good answer, or null. */
function ask(url: string, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = httpRequest(url, { headers: { host }, agent: false, timeout: 3000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('error', () => resolve(null));
      response.once('end', () => resolve(response.statusCode === 200 ? body : null));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(null));
    sent.end();
  });
}

/** How many of a site's servers of that address are up. */
async function up(site: Site, address: string): Promise<number> {
  const stat = await cli(site.statsSocket, 'show servers state').catch(() => '');
  const [host, port] = address.split(':');
  return stat.split('\n').filter((line) => {
    const fields = line.split(' ');
    return fields[4] === host && fields[18] === port && fields[5] === '2';
  }).length;
}

/** Milliseconds after which a container that listens is registered. */
const REGISTERED_AFTER = { short: 60, full: 120 } as const;

async function rebooted(form: 'short' | 'full'): Promise<DrillResult> {
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  const tally: Tally = { sent: 0, failed: 0, wrong: [] };
  const etcd = stack.use(await startEtcd());
  const each = form === 'full' ? 6 : 3;
  const ports = await Promise.all(Array.from({ length: each * 2 }, freePort));
  const running: Container[] = [];
  stack.defer(async () => {
    for (const container of running) await container[Symbol.asyncDispose]();
  });
  const put = (id: string, { service, address }: Container) =>
    etcd.put(`/services/${service}/${id}`, address);
  for (const service of SERVICES) {
    const container = stack.use(await startContainer(service, `${OTHER}:${await freePort()}`, tally));
    await put('other', container);
  }
  for (const [at, port] of ports.entries()) {
    const container = await startContainer(SERVICES[at % 2] ?? 'web', `${REBOOTED}:${port}`, tally);
    running.push(container);
    await put(`old-${at}`, container);
  }
  const sites: Site[] = [];
  const daemons: Daemon[] = [];
  for (let host = 0; host < 2; host++) {
    const site = stack.use(
      await makeSite({
        sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      }),
    );
    const daemon = stack.use(await site.start());
    await daemon.ready();
    sites.push(site);
    daemons.push(daemon);
  }
  const stop = new AbortController();
  const loads = sites.flatMap((site) => SERVICES.map((service) => load(site, service, tally, stop.signal)));
  stack.defer(async () => {
    stop.abort();
    await Promise.all(loads);
  });
  await waitFor(() => tally.sent > 200, { what: 'traffic' });

  // The host goes. No lease ends: it would take minutes.
  for (const container of running.splice(0)) await container[Symbol.asyncDispose]();
  const old = ports.map((port) => `${REBOOTED}:${port}`);
  for (const site of sites) {
    await waitFor(
      async () => (await Promise.all(old.map((address) => up(site, address)))).every((n) => n === 0),
      {
        what: 'the checks to say that the host is gone',
        timeout: 20_000,
      },
    );
  }
  // It comes back: each port belongs to the other service now, and each container registers as soon as it listens.
  const begun = performance.now();
  for (const [at, address] of old.toReversed().entries()) {
    const container = await startContainer(SERVICES[at % 2] ?? 'web', address, tally);
    running.push(container);
    await sleep(REGISTERED_AFTER[form] * Math.random());
    await put(`new-${at}`, container);
  }
  for (const site of sites) {
    await waitFor(
      async () => (await Promise.all(old.map((address) => up(site, address)))).every((n) => n === 1),
      {
        what: 'each address in one service',
        timeout: 20_000,
      },
    ).catch((error) => {
      throw new Error(`${error}\n${daemons.map((daemon) => daemon.output().slice(-3000)).join('\n')}`);
    });
  }
  const ms = performance.now() - begun;
  await sleep(form === 'full' ? 5000 : 1000);
  hold(
    tally.wrong.length === 0,
    `no request reaches the wrong service: ${tally.wrong.length} did, ${tally.wrong[0]}`,
  );
  return { ms, seen: `0 of ${tally.sent} at the wrong service, ${tally.failed} failed` };
}

/** Addresses that two services claim. */
export const hostileDrills: readonly Drill[] = [
  {
    name: 'addresses claimed twice: a host rebooted, its ports given out anew, the old leases alive',
    promise: 'on two hosts under load no request reaches the wrong service',
    run: rebooted,
  },
];
