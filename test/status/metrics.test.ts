import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OUTCOMES, type PointsmanEvent, RELOAD_CAUSES, STEPS } from '../../src/events.ts';
import { LET_GO_REASONS } from '../../src/events-guard.ts';
import { SERVER_CHANGES } from '../../src/events-haproxy.ts';
import { HOW, openMetrics } from '../../src/status/metrics.ts';
import { SERVER_STATES } from '../../src/status/server-metrics.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { SAMPLES } from './sample-events.ts';
import { samplePass } from './sample-pass.ts';

const STARTING: PointsmanEvent = {
  kind: 'starting',
  version: '1.2.3',
  mode: 'managed',
  sources: ['etcd'],
  template: '/t.njk',
  target: '/h.cfg',
};

async function open() {
  const time = { now: 100_000, turned: 100_000 };
  const now = () => time.now;
  const keeper = trackStatus({ version: '1.2.3', now });
  const servers = { each: 0 };
  const metrics = await openMetrics({
    ...{ status: keeper.current, heartbeat: () => time.turned, now },
    services: async () => servicesWith(servers.each),
  });
  const tell = (...events: readonly PointsmanEvent[]) => {
    for (const event of events) {
      keeper.listener(event);
      metrics.listener(event);
    }
  };
  const read = async () => parse((await metrics.read()).text);
  return { time, servers, tell, read, text: async () => (await metrics.read()).text };
}

/** Two services; of each kind of instance the second one has so many. */
function servicesWith(each: number) {
  const none = { ...{ registered: 0, held: 0, kept: 0, rejected: 0, setAside: 0 }, services: 2 };
  const all = (count: number) => ({
    ...{ ...none, instances: 6 * count, running: 5 * count, notRunning: count },
    ...{ up: count, down: count, drain: count, maint: count, unchecked: count },
  });
  const place = { mode: 'http', hosts: [], paths: [], port: null, expose: true, instances: [] } as const;
  const down = { ...all(0), instances: each, running: each, down: each };
  return {
    counts: all(0),
    services: [
      { name: 'api', counts: down, ...place },
      { name: 'web', counts: all(each), ...place },
    ],
  };
}

/** Every series by `name{labels}`. */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

/** One event of each kind, and of those that labels tell apart all that there are. */
function happenings(): readonly PointsmanEvent[] {
  const quick = Object.fromEntries(STEPS.map((step) => [step, 1]));
  return [
    ...Object.values(SAMPLES),
    { ...SAMPLES['source-state'], state: 'stale', error: 'gone', refused: ['/haproxy'] },
    ...OUTCOMES.map((outcome) => samplePass({ outcome, ms: 1, steps: quick, pending: 'ab' })),
    ...RELOAD_CAUSES.map((reload) => samplePass({ reload })),
    ...[0, 3_600_000].flatMap((liveMs) =>
      (['runtime', 'reloaded'] as const).map((outcome) => samplePass({ outcome, liveMs })),
    ),
    ...LET_GO_REASONS.map((why) => ({ kind: 'keys-let-go', keys: [{ key: '/a', why }] }) as const),
  ];
}

/** Series of the service that has only one kind of instance. */
const NEVER_MOVES = new Set(
  SERVER_STATES.filter((state) => state !== 'down').map(
    (state) => `pointsman_service_servers{service="api",state="${state}"}`,
  ),
);

describe('openMetrics()', () => {
  it('has every series from the start, the counters at zero', async () => {
    const { tell, read } = await open();
    tell(STARTING);
    const first = await read();
    for (const outcome of OUTCOMES) {
      expect(first.get(`pointsman_passes_total{outcome="${outcome}"}`)).toBe(0);
    }
    for (const step of STEPS) {
      expect(first.get(`pointsman_step_duration_seconds_count{step="${step}"}`)).toBe(0);
    }
    for (const cause of RELOAD_CAUSES) {
      expect(first.get(`pointsman_reloads_total{cause="${cause}"}`)).toBe(0);
    }
    for (const command of SERVER_CHANGES) {
      expect(first.get(`pointsman_runtime_commands_total{command="${command}"}`)).toBe(0);
    }
    for (const how of HOW) {
      expect(first.get(`pointsman_change_to_live_seconds_count{how="${how}"}`)).toBe(0);
    }
    for (const state of SERVER_STATES) {
      expect(first.get(`pointsman_servers{state="${state}"}`)).toBe(0);
    }
    for (const of of ['raw', 'believed', 'served', 'text', 'running']) {
      expect(first.get(`pointsman_hash{of="${of}"}`)).toBe(0);
    }
    expect(first.get('pointsman_source_changes_total{source="0",name="etcd"}')).toBe(0);
    expect(first.get('pointsman_build_info{version="1.2.3"}')).toBe(1);

    tell(
      { kind: 'started' },
      { kind: 'source-state', source: 0, name: 'etcd', state: 'live', error: null },
      { kind: 'source-data', source: 0, name: 'etcd', what: 'snapshot', changed: 7, keys: 7, revision: '42' },
      { kind: 'published', path: '/h.cfg', hash: 'ab', bytes: 10 },
      { kind: 'check-refused', output: 'x', excerpt: [], hash: 'ab' },
      {
        kind: 'haproxy-appeared',
        state: {
          kind: 'running',
          pid: 7,
          mark: '2123456789abcdef',
          version: '3.0.11',
          reloads: 3,
          failedReloads: 1,
          oldWorkers: 2,
        },
      },
      samplePass(),
    );
    const later = await read();
    expect([...later.keys()]).toEqual([...first.keys()]);
  });

  it('says in numbers what the status says', async () => {
    const { time, tell, read } = await open();
    tell(
      STARTING,
      { kind: 'source-state', source: 0, name: 'etcd', state: 'stale', error: 'gone' },
      { kind: 'source-data', source: 0, name: 'etcd', what: 'changes', changed: 3, keys: 7, revision: '42' },
      { kind: 'keys-rejected', rejected: [{ key: '/a', value: '', reason: 'r' }] },
      { kind: 'template-error', message: 'x' },
      {
        kind: 'haproxy-appeared',
        state: {
          kind: 'running',
          pid: 7,
          mark: '2123456789abcdef',
          version: '3.0.11',
          reloads: 3,
          failedReloads: 1,
          oldWorkers: 2,
        },
      },
      samplePass({ pending: 'ab' }),
    );
    time.now += 2500;
    expect(Object.fromEntries(await read())).toMatchObject({
      pointsman_ready: 1,
      pointsman_pending: 1,
      pointsman_keys: 7,
      pointsman_services: 2,
      pointsman_instances: 5,
      pointsman_routes: 1,
      pointsman_rejected_keys: 1,
      pointsman_ignored_keys: 3,
      pointsman_template_broken: 1,
      pointsman_template_errors_total: 1,
      pointsman_last_pass_age_seconds: 2.5,
      pointsman_haproxy_up: 1,
      pointsman_haproxy_pid: 7,
      pointsman_haproxy_reloads: 3,
      pointsman_haproxy_failed_reloads: 1,
      pointsman_haproxy_old_workers: 2,
      'pointsman_hash{of="text"}': 0x212345678_9ab,
      'pointsman_hash{of="running"}': 0x212345678_9ab,
      'pointsman_passes_total{outcome="reloaded"}': 1,
      'pointsman_reloads_total{cause="sections"}': 1,
      'pointsman_change_to_live_seconds_sum{how="reload"}': 0.25,
      pointsman_pass_duration_seconds_count: 1,
      'pointsman_step_duration_seconds_sum{step="check"}': 0.06,
      'pointsman_source_live{source="0",name="etcd"}': 0,
      'pointsman_source_stale{source="0",name="etcd"}': 1,
      'pointsman_source_data_age_seconds{source="0",name="etcd"}': 2.5,
      'pointsman_source_keys{source="0",name="etcd"}': 7,
      'pointsman_source_revision{source="0",name="etcd"}': 42,
      'pointsman_source_changes_total{source="0",name="etcd"}': 3,
    });
  });

  it('has no series that stands still: each moves by what happens', async () => {
    const { time, servers, tell, read } = await open();
    tell(STARTING);
    const first = await read();
    const still = new Set([...first.keys()].filter((series) => !NEVER_MOVES.has(series)));
    for (const event of happenings()) {
      time.now += 1000;
      servers.each += 1;
      tell(event);
      for (const [series, value] of await read()) {
        if (value !== first.get(series)) {
          still.delete(series);
        }
      }
    }
    expect([...still]).toEqual(['pointsman_start_time_seconds', 'pointsman_build_info{version="1.2.3"}']);
  });

  it('counts as a loss of HAProxy only that one which was there answers no longer', async () => {
    const { tell, read } = await open();
    const losses = async () => (await read()).get('pointsman_haproxy_losses_total');
    const away = (cause: string) => ({ kind: 'haproxy-away', cause }) as const;
    tell(STARTING, away('no socket yet'), away('nobody listens'));
    expect(await losses()).toBe(0);
    tell(SAMPLES['haproxy-appeared'], away('HAProxy ended (SIGKILL)'), away('HAProxy ended (exit code 1)'));
    expect(await losses()).toBe(1);
    tell(SAMPLES['haproxy-appeared'], SAMPLES['haproxy-changed'], away('gone'));
    expect(await losses()).toBe(2);
  });

  it('is described by docs/metrics.md with every value of its labels, and no other', () => {
    const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const told = (label: string) => {
      const bullet = docs.split(/^- /m).find((one) => one.startsWith(`\`${label}\` is `)) ?? '';
      const words = bullet.split('\n\n')[0]?.replaceAll(/\([^)]*\)/g, '') ?? '';
      return [...words.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word).slice(1);
    };
    expect(told('outcome').toSorted()).toEqual(OUTCOMES.toSorted());
    expect(told('step').toSorted()).toEqual(STEPS.toSorted());
    expect(told('why').toSorted()).toEqual(LET_GO_REASONS.toSorted());
    expect(told('cause').toSorted()).toEqual(RELOAD_CAUSES.toSorted());
    expect(told('command').toSorted()).toEqual(SERVER_CHANGES.toSorted());
    expect(told('how').toSorted()).toEqual(HOW.toSorted());
    expect(told('state').toSorted()).toEqual(SERVER_STATES.toSorted());
    expect(told('remark').toSorted()).toEqual(['dropped', 'misspelt', 'udp', 'unknown']);
  });

  it('is described by docs/metrics.md: every metric with its type and help, and no other', async () => {
    const { text } = await open();
    const lines = (await text()).split('\n');
    const help = new Map(
      lines
        .flatMap((line) => /^# HELP (\S+) (.*)$/.exec(line)?.slice(1, 3) ?? [])
        .flatMap((_, i, all) => (i % 2 === 0 ? [[all[i] ?? '', all[i + 1] ?? ''] as const] : [])),
    );
    const types = lines.flatMap((line) => /^# TYPE (\S+) (\S+)$/.exec(line)?.slice(1, 3).join(' ') ?? []);
    const real = types.map((line) => [...line.split(' '), help.get(line.split(' ')[0] ?? '')]);
    const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const told = (docs.split('\n## Of announce')[0] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
      .map(([, name, type, , meaning]) => [name, type, meaning]);
    expect(told.toSorted()).toEqual(real.toSorted());
    expect(real.every(([name]) => name?.startsWith('pointsman_'))).toBe(true);
  });
});
