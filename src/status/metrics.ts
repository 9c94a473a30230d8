import {
  type Emit,
  type KeyRemark,
  OUTCOMES,
  type PassEvent,
  type PointsmanEvent,
  RELOAD_CAUSES,
  REMARK_KINDS,
  STEPS,
} from '../events.ts';
import { LET_GO_REASONS } from '../events-guard.ts';
import { SERVER_CHANGES } from '../events-haproxy.ts';
import { type Age, COUNTERS, GAUGES, HASHES, hashNumber, SOURCE_GAUGES } from './metric-table.ts';
import { SERVER_STATES, type ServersByService, serversByService } from './server-metrics.ts';
import type { ServicesJson } from './services-view.ts';
import type { Status } from './status.ts';

type Prometheus = typeof import('prom-client');
type Registry = InstanceType<Prometheus['Registry']>;

/** What the numbers come from besides the events. Times are milliseconds since 1970. */
export interface MetricsOptions {
  readonly status: () => Status;
  /** When the loop last turned. */
  readonly heartbeat: () => number;
  /** When the certificates of the sources end, looked up with each call. @default none */
  readonly certificates?: () => Promise<readonly CertificateEnd[]>;
  /** Every service, and how HAProxy has its instances, looked up with each call. @default none */
  readonly services?: () => Promise<Pick<ServicesJson, 'services' | 'counts'>>;
  /** So many services have series of their own; those of the others are summed. @default 200 */
  readonly servicesInMetrics?: number;
  readonly now: () => number;
}

/** Until when a certificate of the settings is good. */
export interface CertificateEnd {
  /** The place of its source in the settings, from 0. */
  readonly source: number;
  /** The name of that. */
  readonly name: string;
  /** `tls.cert` or `tls.ca`. */
  readonly setting: string;
  /** Milliseconds since 1970; null where the file cannot be read as one. */
  readonly ends: number | null;
}

/** The numbers of `/metrics`. */
export interface Metrics {
  readonly listener: Emit;
  /** In Prometheus' text format, with its content type. */
  read(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** From a change at run time, which takes milliseconds, to one that a pause holds back. */
const LIVE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Opens a registry of its own. Every series is there from the start at zero (those of a source from the event
 * `starting`, which names them). Counters follow the events; all else is read from the status when asked.
 */
export async function openMetrics(options: MetricsOptions): Promise<Metrics> {
  const prometheus = await import('prom-client');
  const registry = new prometheus.Registry();
  addGauges(prometheus, registry, options);
  const listener = addCounters(prometheus, registry);
  return {
    listener,
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

function addGauges({ Counter, Gauge }: Prometheus, registry: Registry, options: MetricsOptions): void {
  const registers = [registry];
  const age = ageFrom(options);
  const addLabelled = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (gauge: InstanceType<typeof Gauge<L>>) => void,
  ) => {
    new Gauge({
      name: `pointsman_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        read(this);
      },
    });
  };
  const add = (name: string, help: string, read: () => number) =>
    addLabelled(name, help, [], (gauge) => gauge.set(read()));
  for (const { name, help, read } of GAUGES) {
    add(name, help, () => read(options.status(), age));
  }
  add('loop_turn_age_seconds', 'Since the loop last turned; over 10 s /healthz fails.', () =>
    age(options.heartbeat()),
  );
  add('process_resident_memory_bytes', 'Memory of Pointsman itself.', () => process.memoryUsage.rss());
  addLabelled('build_info', 'Always 1; the version is in the label.', ['version'], (gauge) =>
    gauge.set({ version: options.status().version }, 1),
  );
  const hashes =
    'The hashes of /api/status, their first 12 hex digits as a number, to compare hosts by; 0 for none.';
  addLabelled('hash', hashes, ['of'], (gauge) => {
    for (const [of, read] of Object.entries(HASHES)) {
      gauge.set({ of }, hashNumber(read(options.status())));
    }
  });
  for (const { name, help, read } of SOURCE_GAUGES) {
    addLabelled(name, help, ['source', 'name'], (gauge) =>
      options.status().sources.forEach((one, index) => {
        gauge.set({ source: `${index}`, name: one.name }, read(one, age));
      }),
    );
  }
  new Gauge({
    name: 'pointsman_source_certificate_ends_seconds',
    help: 'When a certificate for a source ends, in seconds since 1970; 0 where it cannot be read.',
    labelNames: ['source', 'name', 'setting'],
    registers,
    async collect() {
      for (const { source, name, setting, ends } of (await options.certificates?.()) ?? []) {
        this.set({ source: `${source}`, name, setting }, (ends ?? 0) / 1000);
      }
    },
  });
  addServers({ Gauge }, registry, options);
  new Counter({
    name: 'pointsman_process_cpu_seconds_total',
    help: 'CPU time of Pointsman itself, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}

function addServers(
  { Gauge }: Pick<Prometheus, 'Gauge'>,
  registry: Registry,
  { services, servicesInMetrics = 200 }: MetricsOptions,
): void {
  const look = together(async () => serversByService(await services?.(), servicesInMetrics));
  const add = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (gauge: InstanceType<typeof Gauge<L>>, found: ServersByService) => void,
  ) => {
    new Gauge({
      name: `pointsman_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const found = await look();
        this.reset();
        read(this, found);
      },
    });
  };
  add(
    'servers',
    'Instances of all services by how HAProxy has them; all 0 where it cannot be asked.',
    ['state'],
    (gauge, { all }) => SERVER_STATES.forEach((state) => void gauge.set({ state }, all[state])),
  );
  add(
    'service_servers',
    'The same of each service; services over metrics.services are summed as "*".',
    ['service', 'state'],
    (gauge, found) => {
      for (const [service, counts] of found.services) {
        SERVER_STATES.forEach((state) => void gauge.set({ service, state }, counts[state]));
      }
    },
  );
  add(
    'services_down',
    'Services with instances of which HAProxy sends none anything; pointsman services names them.',
    [],
    (gauge, { servicesDown }) => gauge.set(servicesDown),
  );
}

/** Who asks while an answer is under way gets that. */
function together<T>(make: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | null = null;
  return () => {
    underWay ??= make().finally(() => {
      underWay = null;
    });
    return underWay;
  };
}

function addCounters({ Counter, Gauge, Histogram }: Prometheus, registry: Registry): Emit {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `pointsman_${name}`, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(
    name: string,
    help: string,
    { labelNames = [], buckets = BUCKETS }: { labelNames?: readonly L[]; buckets?: number[] } = {},
  ) => new Histogram({ name: `pointsman_${name}`, help, labelNames, buckets, registers: [registry] });
  const byKind = new Map(COUNTERS.map(({ name, help, kind }) => [kind, counter(name, help)]));
  const passes = counter('passes_total', 'Passes by how they ended.', ['outcome']);
  const length = histogram('pass_duration_seconds', 'How long passes take.');
  const steps = histogram(
    'step_duration_seconds',
    'How long the steps of passes take, and those that bring the file after them.',
    { labelNames: ['step'] },
  );
  const live = histogram(
    'change_to_live_seconds',
    'From the arrival of a change until HAProxy was seen to run it, of each pass that of its oldest one.',
    { labelNames: ['how'], buckets: LIVE_BUCKETS },
  );
  const reloads = counter('reloads_total', 'Reloads that HAProxy made for us, by their cause.', ['cause']);
  const commands = counter('runtime_commands_total', 'Changes of servers at run time, by their kind.', [
    'command',
  ]);
  const remarked = new Gauge({
    name: 'pointsman_remarked_keys',
    help: 'Keys with fields that are unknown, misspelt or left out, and UDP ports; /api/status names them.',
    labelNames: ['remark'],
    registers: [registry],
  });
  const changes = counter(
    'source_changes_total',
    'Keys that came from the source, first reads and changes.',
    ['source', 'name'],
  );
  const losses = counter('haproxy_losses_total', 'Times HAProxy stopped answering.');
  const letGo = counter('let_go_total', 'Held keys that were let go, by why.', ['why']);
  for (const why of LET_GO_REASONS) {
    letGo.inc({ why }, 0);
  }
  for (const outcome of OUTCOMES) {
    passes.inc({ outcome }, 0);
  }
  for (const step of STEPS) {
    steps.zero({ step });
  }
  for (const how of HOW) {
    live.zero({ how });
  }
  for (const cause of RELOAD_CAUSES) {
    reloads.inc({ cause }, 0);
  }
  for (const command of SERVER_CHANGES) {
    commands.inc({ command }, 0);
  }
  const remark = (keys: Partial<Record<KeyRemark['kind'], number>>) => {
    for (const kind of REMARK_KINDS) {
      remarked.set({ remark: kind.replace(' field', '') }, keys[kind] ?? 0);
    }
  };
  remark({});

  // That HAProxy is away is told again where the cause is another, and at a start.
  let isThere = false;
  return (event: PointsmanEvent) => {
    byKind.get(event.kind)?.inc();
    if (event.kind === 'starting') {
      for (const [index, name] of event.sources.entries()) {
        changes.inc({ source: `${index}`, name }, 0);
      }
    } else if (event.kind === 'source-data') {
      changes.inc({ source: `${event.source}`, name: event.name }, event.changed);
    } else if (event.kind === 'keys-let-go') {
      for (const { why } of event.keys) {
        letGo.inc({ why });
      }
    } else if (event.kind === 'haproxy-appeared') {
      isThere = true;
    } else if (event.kind === 'haproxy-away') {
      losses.inc(isThere ? 1 : 0);
      isThere = false;
    } else if (event.kind === 'pass') {
      passes.inc({ outcome: event.outcome });
      length.observe(event.ms / 1000);
      if (event.reload !== null) {
        reloads.inc({ cause: event.reload });
      }
      if (event.liveMs !== null) {
        live.observe({ how: howLive(event) }, event.liveMs / 1000);
      }
    } else if (event.kind === 'servers-changed') {
      for (const [command, count] of Object.entries(event.changes)) {
        commands.inc({ command }, count);
      }
    } else if (event.kind === 'remarks') {
      remark(event.keys);
    }
    if (event.kind === 'pass' || event.kind === 'recorded') {
      for (const [step, ms] of Object.entries(event.steps)) {
        steps.observe({ step }, ms / 1000);
      }
    }
  };
}

/** How a change came to be live. */
export const HOW = ['runtime', 'reload'] as const;

function howLive({ outcome }: PassEvent): (typeof HOW)[number] {
  return outcome === 'runtime' ? 'runtime' : 'reload';
}

function ageFrom({ now }: MetricsOptions): Age {
  return (at) => (at === null ? 0 : Math.max(0, now() - at) / 1000);
}
