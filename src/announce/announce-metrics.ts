import type { AnnounceEvent, PutReason, Tell } from './events.ts';
import type { RegistrarState } from './registrar.ts';

/** What the figures are read from when somebody asks. */
export interface AnnounceFacts {
  readonly state: RegistrarState;
  /** Of Pointsman. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly counts: AnnounceCounts;
  /** Of `sync`: whether this one leads, of all that stand for one election. @default it is no `sync` */
  readonly leads?: boolean;
}

/** What was counted since the start. */
export interface AnnounceCounts {
  /** Keys put, by why. */
  readonly puts: ReadonlyMap<PutReason, number>;
  readonly deletes: number;
  readonly renewals: number;
  readonly lostLeases: number;
  readonly storeLosses: number;
  /** What its checks found not well, with why, by what is announced. */
  readonly unwell: ReadonlyMap<string, string>;
  /** Why the engine of the containers does not answer; null while it does, or where none is asked. */
  readonly engineAway: string | null;
  readonly engineLosses: number;
}

/** One metric, with its values by their labels. */
interface AnnounceMetric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly read: (facts: AnnounceFacts) => number | readonly (readonly [labels: string, value: number])[];
}

const PUT_REASONS: readonly PutReason[] = ['new', 'changed', 'gone', 'taken over', 'adopted'];

const METRICS: readonly AnnounceMetric[] = [
  gauge(
    'announce_registered_keys',
    'Keys that stand in etcd under our lease.',
    ({ state }) => state.registered.length,
  ),
  gauge(
    'announce_held_keys',
    'Keys that we would put and that another owner holds.',
    ({ state }) => state.held.size,
  ),
  gauge(
    'announce_refused_keys',
    'Keys that etcd does not let us read or write.',
    ({ state }) => state.refused.size,
  ),
  gauge(
    'announce_unwell',
    'What its checks find not well, and is not registered for that.',
    ({ counts }) => counts.unwell.size,
  ),
  gauge('announce_store_up', '1 while etcd serves us.', ({ state }) => (state.awaySince === null ? 1 : 0)),
  gauge('announce_store_away_seconds', 'Since etcd does not; 0 while it does.', ({ state, now }) =>
    state.awaySince === null ? 0 : Math.max(0, now - state.awaySince) / 1000,
  ),
  counter(
    'announce_store_losses_total',
    'Times etcd stopped serving us.',
    ({ counts }) => counts.storeLosses,
  ),
  gauge('announce_engine_up', '0 while the engine of the containers does not answer.', ({ counts }) =>
    counts.engineAway === null ? 1 : 0,
  ),
  counter(
    'announce_engine_losses_total',
    'Times the engine of the containers did not answer.',
    ({ counts }) => counts.engineLosses,
  ),
  counter(
    'announce_puts_total',
    'Keys put, by why: that they were gone is what somebody did.',
    ({ counts }) => PUT_REASONS.map((why) => [`why="${why}"`, counts.puts.get(why) ?? 0]),
  ),
  counter('announce_deletes_total', 'Keys of ours deleted by us.', ({ counts }) => counts.deletes),
  counter('announce_lease_renewals_total', 'Renewals of the lease.', ({ counts }) => counts.renewals),
  counter(
    'announce_leases_lost_total',
    'Leases that ran out, were revoked, or went with their store.',
    ({ counts }) => counts.lostLeases,
  ),
  gauge('build_info', 'Always 1; the version is in the label.', ({ version }) => [
    [`version="${version}"`, 1],
  ]),
  gauge('process_resident_memory_bytes', 'Memory of Pointsman itself.', () => process.memoryUsage.rss()),
  counter('process_cpu_seconds_total', 'CPU time of Pointsman itself, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
];

/** Those that only `sync` has. */
const SYNC_METRICS: readonly AnnounceMetric[] = [
  gauge('sync_leader', '1 where this one leads: of all that stand for one election one does.', ({ leads }) =>
    leads ? 1 : 0,
  ),
];

/** Counts what happens, and says it in figures. */
export interface AnnounceMetrics {
  readonly listener: Tell;
  readonly counts: AnnounceCounts;
  /** In Prometheus' text format. */
  text(facts: Omit<AnnounceFacts, 'counts'>): string;
}

/** The content type of `AnnounceMetrics.text()`. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Begins to count. Every series is there from the start, at zero. By hand: prom-client would cost each process 7 MB. */
export function announceMetrics(): AnnounceMetrics {
  const counts = {
    puts: new Map<PutReason, number>(),
    deletes: 0,
    renewals: 0,
    lostLeases: 0,
    storeLosses: 0,
    unwell: new Map<string, string>(),
    engineAway: null as string | null,
    engineLosses: 0,
  };
  const listener = (event: AnnounceEvent) => {
    switch (event.kind) {
      case 'registered':
        counts.puts.set(event.why, (counts.puts.get(event.why) ?? 0) + 1);
        break;
      case 'deregistered':
        counts.deletes += 1;
        break;
      case 'lease-renewed':
        counts.renewals += 1;
        break;
      case 'lease-lost':
        counts.lostLeases += 1;
        break;
      case 'store-lost':
        counts.storeLosses += 1;
        break;
      case 'health':
        if (event.well) {
          counts.unwell.delete(event.what);
        } else {
          counts.unwell.set(event.what, event.why);
        }
        break;
      case 'unchecked':
        counts.unwell.delete(event.what);
        break;
      case 'engine-away':
        counts.engineLosses += counts.engineAway === null ? 1 : 0;
        counts.engineAway = event.message;
        break;
      case 'engine-here':
        counts.engineAway = null;
        break;
      default:
    }
  };
  return {
    listener,
    counts,
    text: (facts) => {
      const all = facts.leads === undefined ? METRICS : [...METRICS, ...SYNC_METRICS];
      return all.map((metric) => written(metric, { ...facts, counts })).join('');
    },
  };
}

function written({ name, type, help, read }: AnnounceMetric, facts: AnnounceFacts): string {
  const full = `pointsman_${name}`;
  const found = read(facts);
  const lines =
    typeof found === 'number'
      ? [`${full} ${found}`]
      : found.map(([labels, value]) => `${full}{${labels}} ${value}`);
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...lines, ''].join('\n');
}

function gauge(name: string, help: string, read: AnnounceMetric['read']): AnnounceMetric {
  return { name, type: 'gauge', help, read };
}

function counter(name: string, help: string, read: AnnounceMetric['read']): AnnounceMetric {
  return { name, type: 'counter', help, read };
}
