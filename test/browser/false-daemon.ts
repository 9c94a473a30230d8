import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { createBus, type PointsmanEvent } from '../../src/events.ts';
import type { LedgerEntry } from '../../src/ledger/ledger-entry.ts';
import { openPage } from '../../src/page/add-page.ts';
import type { FeedLimits } from '../../src/page/feed.ts';
import { FEED_LIMITS } from '../../src/page/feed.ts';
import { startStatusServer } from '../../src/status/server.ts';
import type { InstanceView, ServicesJson, ServiceView } from '../../src/status/services-view.ts';
import { trackStatus } from '../../src/status/track-status.ts';

/** What a daemon without a loop, an etcd and a HAProxy shows: whatever a test says. */
export interface FalseDaemon extends AsyncDisposable {
  /** Where the page is, over TCP. */
  readonly url: string;
  /** What it shows; a test changes it, and tells an event for it to be looked at. */
  readonly shown: { services: readonly ServiceView[]; entries: readonly LedgerEntry[] };
  /** Something happens. */
  tell(...events: readonly PointsmanEvent[]): void;
  /** Answers on a Unix socket, too. */
  answerOn(path: string): Promise<AsyncDisposable>;
}

export interface FalseDaemonOptions {
  readonly services?: readonly ServiceView[];
  /** The newest first. */
  readonly entries?: readonly LedgerEntry[];
  readonly tokenFile?: string;
  readonly socket?: string;
  readonly host?: string;
  readonly feed?: Partial<FeedLimits>;
}

const COUNTS = {
  ...{ instances: 0, registered: 0, held: 0, kept: 0, rejected: 0, setAside: 0, running: 0, notRunning: 0 },
  ...{ up: 0, down: 0, drain: 0, maint: 0, unchecked: 0 },
};

/** Starts it. */
export async function startFalseDaemon(options: FalseDaemonOptions = {}): Promise<FalseDaemon> {
  await using stack = new AsyncDisposableStack();
  const bus = createBus();
  const keeper = trackStatus({ version: '1.2.3', now: Date.now });
  bus.subscribe(keeper.listener);
  const shown = { services: options.services ?? [], entries: options.entries ?? [] };
  const plain = async (): Promise<ServicesJson> => ({
    haproxy: { seen: true, at: new Date().toISOString(), pid: 7, version: '3.0.11', mark: null },
    waitsFor: null,
    counts: { ...COUNTS, services: shown.services.length },
    services: shown.services,
    others: [],
  });
  const page = stack.use(
    await openPage({
      bus,
      status: keeper.current,
      services: { plain },
      ledger: {
        history: async ({ from = Number.POSITIVE_INFINITY, limit = 20 }) =>
          shown.entries.filter(({ number }) => number < from).slice(0, limit),
        entry: async (number) => shown.entries.find((one) => one.number === number) ?? null,
        newest: () => shown.entries[0]?.number ?? null,
      },
      tokenFile: options.tokenFile,
      socket: options.socket ?? null,
      host: options.host ?? 'node1.example.com',
      heartbeat: Date.now,
      now: Date.now,
      limits: { ...FEED_LIMITS, ...options.feed },
    }),
  );
  const server = stack.use(
    await startStatusServer({
      listen: { host: '127.0.0.1', port: 0 },
      hosts: [],
      status: keeper.current,
      metrics: { read: async () => ({ text: 'a 1\n', contentType: 'text/plain' }) },
      heartbeat: Date.now,
      overdue: () => null,
      now: Date.now,
      addMore: page.addTo,
    }),
  );
  const all = stack.move();
  return {
    url: server.url,
    shown,
    tell: (...events) => events.forEach(bus.emit),
    answerOn: server.answerOn,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A service with these instances, all of them UP. */
export function sampleService(name: string, ids: readonly string[]): ServiceView {
  return {
    ...{ name, mode: 'http', hosts: [`${name}.example.com`], paths: [], port: null, expose: true },
    counts: { ...COUNTS, instances: ids.length },
    instances: ids.map((id, at) => sampleInstance(name, id, `10.0.${at % 250}.1:80`)),
  };
}

/** An instance that is UP. */
export function sampleInstance(
  service: string,
  id: string,
  address: string,
  change: Partial<InstanceView> = {},
): InstanceView {
  const health = { status: 'UP' as const, why: null, seconds: 100, drainedBy: null };
  return {
    ...{
      id,
      key: `/services/${service}/${id}`,
      address,
      weight: 1,
      maxconn: null,
      backup: false,
      drain: false,
    },
    ...{ tags: [], state: 'registered', why: null, since: null, until: null, running: true, status: 'UP' },
    servers: [
      {
        ...{ backend: `be_${service}`, server: id, address, admin: null, ...health },
        ...{ weight: 1, sessions: 3, rate: 2, errors5xx: 0 },
      } as never,
    ],
    ...change,
  };
}

/** An entry of the ledger. */
export function sampleEntry(number: number, change: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    number,
    time: new Date(Date.UTC(2026, 0, 1, 0, 0, number)).toISOString(),
    ...{ outcome: 'reloaded', revision: `${800 + number}`, keys: ['/services/web/a'], keyCount: 1 },
    ...{
      by: ['team-web'],
      services: ['web'],
      changes: [`web: +s${number}`],
      triggers: ['etcd: 1 key changed'],
    },
    ...{
      reasons: ['backend be_web added'],
      words: [],
      error: null,
      ms: 12.3,
      steps: { render: 2, reload: 8 },
    },
    ...{ hash: 'ab', before: 'cd', rollback: null, dropped: 0 },
    files: [
      {
        ...{ name: '/etc/haproxy/haproxy.cfg', added: 1, removed: 1 },
        diff: `@@ backend be_web @@\n   balance roundrobin\n-  server old 10.0.0.1:80\n+  server s${number} 10.0.0.2:80 check\n`,
      },
    ],
    ...change,
  };
}

/** What `ssh -L` does: a TCP port that leads to a Unix socket. */
export async function forwardTo(
  path: string,
): Promise<{ readonly url: string; hold(): void } & AsyncDisposable> {
  const ends = new Set<Socket>();
  let isHeld = false;
  const server = createTcp((near) => {
    const far = connect(path);
    ends.add(far);
    far.once('close', () => ends.delete(far));
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.pipe(far);
    if (!isHeld) {
      far.pipe(near);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    /** Nothing comes from there any more, and nothing ends. */
    hold: () => {
      isHeld = true;
      for (const far of ends) {
        far.unpipe();
      }
    },
    [Symbol.asyncDispose]: () => {
      for (const far of ends) {
        far.destroy();
      }
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
