import type { PointsmanEvent } from '../events.ts';
import { hashOf, isThere, keptIn, type SourceStatus, type Status } from './status.ts';

/** Seconds since a time of the status; 0 where it never was. */
export type Age = (at: number | null) => number;

/** A number that is read from the status when somebody asks. */
export interface GaugeRow<From = Status> {
  readonly name: string;
  readonly help: string;
  readonly read: (from: From, age: Age) => number;
}

/** The gauges without labels. */
export const GAUGES: readonly GaugeRow[] = [
  gauge(
    'start_time_seconds',
    'When Pointsman started, in seconds since 1970.',
    (status) => status.startedAt / 1000,
  ),
  gauge('ready', '1 while HAProxy runs a verified configuration, as /readyz says.', (status) =>
    flag(status.missing.length === 0),
  ),
  gauge('keys', 'Watched keys.', (status) => status.counts.keys),
  gauge('services', 'Services.', (status) => status.counts.services),
  gauge('instances', 'Instances of all services.', (status) => status.counts.instances),
  gauge('routes', 'Rules of the shared frontend.', (status) => status.counts.routes),
  gauge(
    'rejected_keys',
    'Keys that never reach the template; /api/status names them.',
    (status) => status.rejected.size,
  ),
  gauge(
    'mass_claims',
    'Services of whose addresses another one has taken more than guard.share; /api/status names them.',
    (status) => status.massClaims.length,
  ),
  gauge(
    'held_keys',
    'Disappeared keys that the guard holds; /api/status names them.',
    (status) => status.held.size,
  ),
  gauge(
    'held_instances',
    'Disappeared instances that the guard holds.',
    (status) => [...status.held.values()].filter(({ service }) => service !== null).length,
  ),
  gauge('held_age_seconds', 'Since the oldest hold began; 0 where nothing is held.', (status, age) =>
    [...status.held.values()].reduce((oldest, { since }) => Math.max(oldest, age(since)), 0),
  ),
  gauge('ledger_failing', '1 while what happens cannot be written down.', (status) =>
    flag(status.ledgerError !== null),
  ),
  gauge(
    'servers_set_by_hand',
    "Servers that a person drained or took out on HAProxy's socket; /api/status names them.",
    (status) => status.setByHand.size,
  ),
  gauge('set_by_hand_age_seconds', 'Since the longest of these was set; 0 where none is.', (status, age) =>
    [...status.setByHand.values()].reduce((longest, { since }) => Math.max(longest, age(since)), 0),
  ),
  gauge(
    'cache_served',
    '1 while the cache, or a part of it, is served because its source has not answered.',
    (status) => flag(status.cache !== null),
  ),
  gauge('cache_age_seconds', 'How old the served cache is; 0 while none is served.', (status, age) =>
    age(status.cache?.freshAt ?? null),
  ),
  gauge(
    'quarantined_units',
    'What is set aside because it is refused; /api/status names it.',
    (status) => status.quarantined.size,
  ),
  gauge(
    'kept_keys',
    'Keys whose value is refused and that keep their last good form; /api/status names them.',
    (status) => keptIn(status).length,
  ),
  gauge('kept_age_seconds', 'Since the oldest of them was refused; 0 where nothing is kept.', (status, age) =>
    keptIn(status).reduce((oldest, { since }) => Math.max(oldest, age(since)), 0),
  ),
  gauge(
    'ignored_keys',
    'Empty values, keys that end in a slash, UDP ports.',
    (status) => status.counts.ignored,
  ),
  gauge('pending', '1 while something should be applied and is not.', (status) =>
    flag(status.pending !== null),
  ),
  gauge(
    'ahead_seconds',
    'How long the file has been behind what HAProxy was made to run; 0 while it is not.',
    (status, age) => age(status.ahead?.since ?? null),
  ),
  gauge('paused', '1 while neither the file nor HAProxy is touched.', (status) =>
    flag(status.paused !== null),
  ),
  gauge(
    'paused_until_seconds',
    'When the pause ends by itself, in seconds since 1970; 0 without one.',
    (status) => (status.paused?.until ?? 0) / 1000,
  ),
  gauge('rolled_back', '1 while the text of an older entry of the ledger is put back.', (status) =>
    flag(status.rollback !== null),
  ),
  gauge('template_broken', '1 while the template does not compile or render.', (status) =>
    flag(status.template.error !== null),
  ),
  gauge(
    'settings_broken',
    '1 while the settings file does not fit, and what it said before holds.',
    (status) => flag(status.settings.error !== null),
  ),
  gauge(
    'settings_restart_keys',
    'Settings that changed and need a restart; /api/status names them.',
    (status) => status.settings.restart.length,
  ),
  gauge('last_pass_age_seconds', 'Since the last pass; 0 before the first.', (status, age) =>
    age(status.lastPass?.at ?? null),
  ),
  gauge('last_apply_age_seconds', 'Since what HAProxy runs changed last; 0 before that.', (status, age) =>
    age(status.lastApply?.at ?? null),
  ),
  gauge('haproxy_up', '1 while HAProxy answers.', (status) => flag(there(status) !== undefined)),
  gauge(
    'haproxy_pid',
    'Of the current worker; 0 where it is not known.',
    (status) => there(status)?.pid ?? 0,
  ),
  gauge('haproxy_reloads', "HAProxy's own count of reloads.", (status) => answering(status)?.reloads ?? 0),
  gauge(
    'haproxy_failed_reloads',
    "HAProxy's own count of failed reloads.",
    (status) => answering(status)?.failedReloads ?? 0,
  ),
  gauge(
    'haproxy_old_workers',
    'Old workers that still serve connections.',
    (status) => there(status)?.oldWorkers ?? 0,
  ),
];

/** The gauges of each source. */
export const SOURCE_GAUGES: readonly GaugeRow<SourceStatus>[] = [
  gauge('source_live', '1 while the source answers.', ({ state }) => flag(state === 'live')),
  gauge('source_stale', '1 while what was read last still holds but may be old.', ({ state }) =>
    flag(state === 'stale'),
  ),
  gauge(
    'source_refused_prefixes',
    'Prefixes that may not be read; what was read of them before is served.',
    ({ refused }) => refused.length,
  ),
  gauge('source_state_age_seconds', 'Since the source is live, stale or connecting.', (one, age) =>
    age(one.since),
  ),
  gauge('source_data_age_seconds', 'Since keys last came from the source; 0 before the first.', (one, age) =>
    age(one.lastData),
  ),
  gauge('source_keys', 'Keys of the source.', ({ keys }) => keys),
  gauge('source_revision', 'The revision that the source is at; 0 in files.', ({ revision }) =>
    Number(revision ?? 0),
  ),
];

/** The hashes of the status by label; the first 12 hex digits as a number, to compare hosts by. */
export const HASHES: Readonly<Record<string, (status: Status) => string | null>> = {
  raw: (status) => status.hashes.raw,
  believed: (status) => status.hashes.believed,
  served: (status) => status.hashes.served,
  text: (status) => status.hashes.text,
  running: (status) => answering(status)?.mark ?? hashOf(status.applied),
};

/** A hash as a number that a double holds exactly; 0 where there is none. */
export function hashNumber(hash: string | null): number {
  const number = Number.parseInt(hash?.slice(0, 12) ?? '0', 16);
  return Number.isNaN(number) ? 0 : number;
}

/** The counters that each event of a kind moves by 1. */
export const COUNTERS: readonly CounterRow[] = [
  counter('holds_total', 'keys-held', 'Times the guard held disappeared keys.'),
  counter(
    'mass_claims_total',
    'addresses-taken',
    'Times a service took more than guard.share of the addresses of another.',
  ),
  counter('cache_starts_total', 'cache-served', 'Starts that had to serve the cache.'),
  counter('publishes_total', 'published', 'Configuration files written.'),
  counter('publish_failures_total', 'publish-failed', 'Configuration files that could not be written.'),
  counter('check_refusals_total', 'check-refused', 'Configurations that haproxy -c refused.'),
  counter('quarantines_total', 'quarantined', 'Times something was set aside.'),
  counter('check_failures_total', 'check-broken', 'Checks that could not be done.'),
  counter(
    'preflight_failures_total',
    'preflight-failed',
    'Configurations that HAProxy would have failed over though haproxy -c accepts them.',
  ),
  counter('reload_delays_total', 'reload-delayed', 'Reloads that waited because of too many old workers.'),
  counter('reload_failures_total', 'reload-failed', 'Reloads that HAProxy did not make.'),
  counter(
    'ahead_faults_total',
    'ahead-too-long',
    'Times the file was more than 5 s behind what HAProxy runs.',
  ),
  counter(
    'server_drifts_total',
    'servers-drifted',
    "Times HAProxy's servers were not those of its configuration.",
  ),
  counter(
    'servers_lingered_total',
    'server-gone',
    'Removed servers that were deleted later, after their last session.',
  ),
  counter('rollbacks_total', 'rolled-back', 'Times the last good file was put back.'),
  counter('hand_edits_total', 'hand-edit', 'Times somebody else changed the file.'),
  counter('template_errors_total', 'template-error', 'Templates that did not compile or render.'),
  counter('haproxy_drifts_total', 'haproxy-drift', 'Times HAProxy ran another text than the verified one.'),
  counter(
    'part_failures_total',
    'part-failed',
    'Times a part of the loop failed over a bug; the log has its stack.',
  ),
  counter('haproxy_exits_total', 'haproxy-exited', 'Times the HAProxy of mode managed ended by itself.'),
];

/** A number that each event of a kind moves by 1. */
export interface CounterRow {
  readonly name: string;
  readonly kind: PointsmanEvent['kind'];
  readonly help: string;
}

function counter(name: string, kind: CounterRow['kind'], help: string): CounterRow {
  return { name, kind, help };
}

function gauge<From = Status>(name: string, help: string, read: GaugeRow<From>['read']): GaugeRow<From> {
  return { name, help, read };
}

function flag(truth: boolean): number {
  return truth ? 1 : 0;
}

/** The HAProxy that is there. */
function there({ haproxy }: Status) {
  return isThere(haproxy) ? haproxy : undefined;
}

/** The HAProxy that answers. */
function answering({ haproxy }: Status) {
  return haproxy.kind === 'running' ? haproxy : undefined;
}
