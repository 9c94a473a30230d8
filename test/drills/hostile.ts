import { createServer, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEtcd } from '../support/etcd.ts';
import { cli, freePort, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import type { Drill, DrillResult } from './drill.ts';
import { hold, SLACK } from './rig.ts';

/** The host that is rebooted, and one that is not. Linux has all of 127/8 on its loopback. */
const REBOOTED = '127.0.0.2';
const OTHER = '127.0.0.3';
const SERVICES = ['web', 'api'] as const;
type Service = (typeof SERVICES)[number];

/** A container: answers its service's name, and counts the requests that were meant for another. */
interface Container extends AsyncDisposable {
  readonly service: Service;
  readonly address: string;
  /** When its key was in etcd, in milliseconds of `performance.now()`; null before that. */
  registeredAt: number | null;
}

/** A request that arrived where it was not meant to. */
interface Wrong {
  /** For how long the container was registered by then, in milliseconds; null where it was not yet. */
  readonly registeredFor: number | null;
  readonly words: string;
}

/** What went wrong, of every request that was sent while the drill ran. */
interface Tally {
  sent: number;
  /** When the failed ones were sent, in milliseconds of `performance.now()`. */
  readonly failed: number[];
  readonly wrong: Wrong[];
}

async function startContainer(service: Service, address: string, tally: Tally): Promise<Container> {
  const [host = '', port = ''] = address.split(':');
  const server = createServer((request, response) => {
    if (request.headers.host !== service) {
      const { registeredAt } = container;
      const registeredFor = registeredAt === null ? null : Math.round(performance.now() - registeredAt);
      const words = `${request.headers.host} at ${address} of ${service}, registered for ${registeredFor ?? '-'} ms`;
      tally.wrong.push({ registeredFor, words });
    }
    response.end(service);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), host, resolve);
  });
  const container: Container = {
    service,
    address,
    registeredAt: null,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  return container;
}

/** Asks a host's HAProxy for a service, again and again, on fresh connections, until `signal` aborts. */
async function load(site: Site, service: Service, tally: Tally, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    tally.sent += 1;
    const sentAt = performance.now();
    if (!(await isAnswered(site.url, service))) {
      tally.failed.push(sentAt);
    }
    await sleep(3);
  }
}

/** Whether a request gets a good answer, of whatever service: the containers look at that. */
function isAnswered(url: string, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = httpRequest(url, { headers: { host }, agent: false, timeout: 3000 }, (response) => {
      response.resume();
      response.once('error', () => resolve(false));
      response.once('end', () => resolve(response.statusCode === 200));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(false));
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

/**
 * Milliseconds in which a claim gets from etcd to HAProxy, on a machine that is short of processors. What arrives at the
 * wrong service within them is counted: three good checks take a second, so it should be none; the table takes none.
 */
const ON_ITS_WAY = { auto: 1000, reload: 3000 } as const;

async function rebooted(mode: 'auto' | 'reload', form: 'short' | 'full'): Promise<DrillResult> {
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  const tally: Tally = { sent: 0, failed: [], wrong: [] };
  const etcd = stack.use(await startEtcd());
  const each = form === 'full' ? 6 : 3;
  const ports = await Promise.all(Array.from({ length: each * 2 }, freePort));
  const running: Container[] = [];
  stack.defer(async () => {
    for (const container of running) {
      await container[Symbol.asyncDispose]();
    }
  });
  const put = async (id: string, container: Container) => {
    await etcd.put(`/services/${container.service}/${id}`, container.address);
    container.registeredAt = performance.now();
  };
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
        more: { apply: { mode } },
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
  const gone = performance.now();
  for (const container of running.splice(0)) {
    await container[Symbol.asyncDispose]();
  }
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
  const lost = tally.failed.length;
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
  const way = mode === 'auto' && SLACK === 1 ? -1 : ON_ITS_WAY[mode];
  const late = tally.wrong.filter(({ registeredFor }) => (registeredFor ?? 0) > way);
  hold(late.length === 0, `no request reaches the wrong service: ${late.length} did, ${late.at(-1)?.words}`);
  const unclaimed = tally.wrong.filter(({ registeredFor }) => registeredFor === null).length;
  // Where most servers of a service are gone all at once, the first requests find no other one.
  const lastLost = Math.round(Math.max(0, (tally.failed[lost - 1] ?? gone) - gone));
  const later = tally.failed.length - lost;
  hold(later === 0 || mode === 'reload', `no request fails after the checks said DOWN: ${later} did`);
  const claimed = `${tally.wrong.length - unclaimed} of ${tally.sent} at the wrong service after the claim, ${unclaimed} before it`;
  return {
    ms,
    seen: `${claimed}; ${lost} failed, all within ${lastLost} ms of the host's end, ${later} later`,
  };
}

/** Addresses that two services claim. */
export const hostileDrills: readonly Drill[] = (['auto', 'reload'] as const).map((mode) => ({
  name: `addresses claimed twice: a host rebooted, its ports given out anew, the old leases alive (apply.mode: ${mode})`,
  promise:
    mode === 'auto'
      ? 'on two hosts under load no request reaches the wrong service'
      : 'none once the reload that follows the claim is done',
  run: (form) => rebooted(mode, form),
}));
