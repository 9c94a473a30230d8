import { describe, expect, test } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import { sentence } from '../../src/status/findings.ts';
import { screenOf } from '../../src/status/screen.ts';
import { statusJson } from '../../src/status/status-json.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { samplePass } from './sample-pass.ts';

const BEGUN = Date.UTC(2026, 0, 1);
const HASH = '2123456789abcdef';
const RUNNING = { kind: 'running', pid: 7, mark: HASH, version: '3.0.11' } as const;
const HEALTHY: readonly PointsmanEvent[] = [
  { kind: 'starting', version: '1', mode: 'managed', sources: ['etcd'], template: '/t', target: '/h.cfg' },
  { kind: 'started' },
  { kind: 'source-state', source: 0, name: 'etcd', state: 'live', error: null },
  { kind: 'haproxy-appeared', state: RUNNING },
  samplePass({ outcome: 'runtime', reasons: [], steps: { apply: 3 } }),
];

function statusAfter(...events: readonly PointsmanEvent[]) {
  let now = BEGUN;
  const keeper = trackStatus({ version: '1.2.3', now: () => now });
  for (const event of [...HEALTHY, ...events]) {
    keeper.listener(event);
  }
  now += 12_000;
  return statusJson(keeper.current(), now, now);
}

test('where all is well it is one sentence and the figures', () => {
  const { well, text } = screenOf(statusAfter());
  expect(well).toBe(true);
  expect(text.split('\n')[0]).toBe(
    'Serving 5 instances of 2 services. Last change 12 s ago: web: +a, without a reload, live in 250 ms.',
  );
  expect(text).toContain('source       etcd: live for 12 s, gave nothing yet');
  expect(text).toContain('HAProxy      3.0.11 (pid 7), for 12 s');
  expect(text).toContain('00:00:00Z runtime in 142 ms: web: +a [/services/web/a at revision 812]');
});

const KEY = '/services/web/a';
describe('what is wrong is named with its cause and what to do:', () => {
  test.each<readonly [string, PointsmanEvent, RegExp]>([
    [
      'a key that is rejected',
      { kind: 'keys-rejected', rejected: [{ key: KEY, value: 'x', reason: 'no port' }] },
      /^! rejected {5}\/services\/web\/a: no port\n +-> mend or delete the key$/m,
    ],
    [
      'a key that keeps its last good form',
      {
        kind: 'keys-kept',
        kept: [{ key: KEY, by: 'grammar', reason: 'no port', since: BEGUN, form: '1:2' }],
      },
      /^! kept +\/services\/web\/a keeps "1:2": no port\n/m,
    ],
    [
      'a ledger that cannot be written',
      { kind: 'ledger-failed', message: 'writing the ledger in /s/history: no space left on the disk' },
      /^! ledger +what happens cannot be written down: writing the ledger in \/s\/history: no space .*\n +-> make room there/m,
    ],
    [
      'what is set aside',
      {
        kind: 'quarantined',
        units: [
          {
            unit: 'route of web',
            keys: ['/routes/web'],
            forms: {},
            reason: 'bad',
            instead: 'nothing',
            since: 1,
          },
        ],
      },
      /^! set aside +route of web \(\/routes\/web; nothing stands in its place\): bad\n/m,
    ],
    [
      'what the guard holds',
      {
        kind: 'keys-held',
        held: [{ key: KEY, service: 'web', rule: 'emptied', since: BEGUN, until: BEGUN + 72_000 }],
      },
      /^! held +\/services\/web\/a went from its source \(emptied\) and is served for another 60 s\n.*pointsman release/m,
    ],
    [
      'a source that is silent',
      { kind: 'source-state', source: 0, name: 'etcd', state: 'stale', error: 'refused' },
      /^! stale +etcd: refused\n/m,
    ],
    [
      'a pause',
      { kind: 'paused', until: BEGUN + 60_000, by: 'pointsman pause' },
      /^! paused +until 2026-.*\n.*pointsman resume/m,
    ],
    [
      'a rollback, with what is not there',
      {
        ...{ kind: 'rollback', number: 41, mode: 'today', since: BEGUN, until: null, by: 'uid 0 (root)' },
        ...{ emptied: [], absent: ['be_new'], leftOut: [] },
      },
      /^! rolled back +to the text of entry 41, with today's servers, since 2026-01-01T00:00:00.000Z by uid 0 \(root\): .* wait\n! rolled back +not there: be_new\n +-> pointsman resume/m,
    ],
    [
      'a change that does not go out',
      samplePass({ outcome: 'failed', error: 'no room', applied: { kind: 'verified', hash: HASH } }),
      /^! failed +no room \[\/services\/web\/a at revision 812\]\n/m,
    ],
    [
      'a HAProxy that is away',
      { kind: 'haproxy-away', cause: 'gone' },
      /^! not ready +HAProxy does not answer: gone\n/m,
    ],
    [
      'a template',
      { kind: 'template-error', message: 't:3: unknown tag' },
      /^! template +t:3: unknown tag\n.*mend \/t; pointsman render/m,
    ],
  ])('%s', (_, event, line) => {
    const { well, text } = screenOf(statusAfter(event));
    expect(text).toMatch(line);
    expect(well).toBe(false);
  });

  test('of many keys the first ten, and how many more there are', () => {
    const rejected = Array.from({ length: 25 }, (_, at) => ({ key: `/k${at}`, value: '', reason: 'no' }));
    const { text } = screenOf(statusAfter({ kind: 'keys-rejected', rejected }));
    expect(text.match(/^! rejected/gm)).toHaveLength(11);
    expect(text).toMatch(/^! rejected +and 15 more$/m);
  });
});

test('failures in a row that say the same are one of the last passes', () => {
  const failed = samplePass({ outcome: 'failed', error: 'no room' });
  const { passes } = statusAfter(failed, failed, failed, samplePass());
  expect(passes.map(({ outcome }) => outcome)).toEqual(['runtime', 'failed', 'reloaded']);
});

test('before anything was changed that is said', () => {
  const keeper = trackStatus({ version: '1', now: () => BEGUN });
  expect(sentence(statusJson(keeper.current(), BEGUN, BEGUN))).toBe(
    'NOT READY with 0 instances of 0 services. Nothing was changed yet.',
  );
});
