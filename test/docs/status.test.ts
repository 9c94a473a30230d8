import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OUTCOMES, type PointsmanEvent, STEPS } from '../../src/events.ts';
import { describeEvent } from '../../src/status/describe-event.ts';
import { failingPass } from '../../src/status/findings.ts';
import { statusJson } from '../../src/status/status-json.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { SAMPLES } from '../status/sample-events.ts';
import { samplePass } from '../status/sample-pass.ts';
import { describedPaths, pathsIn, statusValidator, toldPaths } from './status-paths.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const page = read('docs/status.md');

/** What the samples of events leave out. */
const MORE: readonly PointsmanEvent[] = [
  { kind: 'source-state', source: 0, name: 'etcd', state: 'live', error: null, refused: ['/haproxy'] },
  { kind: 'keys-rejected', rejected: [{ key: '/a', value: 'x', reason: 'taken', other: '/b' }] },
  {
    ...{ kind: 'remarks', count: 1, keys: { misspelt: 1 } },
    remarks: [{ service: 'web', kind: 'misspelt', count: 1, key: '/a', message: 'wieght' }],
  },
  {
    kind: 'quarantined',
    units: [{ unit: 'u', keys: ['/a'], forms: {}, reason: 'bad', instead: 'nothing', local: true, since: 1 }],
  },
  { kind: 'haproxy-away', cause: 'gone' },
  { kind: 'haproxy-appeared', state: { kind: 'unseen', pid: 7, oldWorkers: 1, why: 'no socket' } },
  samplePass({
    came: { keys: ['/a'], count: 1, revision: '7', by: ['ops'] },
    steps: Object.fromEntries(STEPS.map((step) => [step, 1])),
  }),
  { kind: 'settings-read', cause: 'file', applied: [], restart: ['haproxy.mode'] },
];

/** Every status that these events make, one after the other. */
function* statuses(): Generator<unknown> {
  const now = Date.UTC(2026, 0, 1);
  const tracker = trackStatus({ version: '1.2.3', now: () => now });
  yield statusJson(tracker.current(), now, now);
  for (const event of [...Object.values(SAMPLES), ...MORE]) {
    tracker.listener(event);
    yield JSON.parse(JSON.stringify(statusJson(tracker.current(), now, now)));
  }
}

/** Without places where nothing stands: null, or an empty list. */
function isTold(path: string, of: ReadonlySet<string>): boolean {
  return of.has(path) || [...of].some((one) => one.startsWith(`${path}.`));
}

describe('/api/status', () => {
  const seen = new Set([...statuses()].flatMap((one) => pathsIn(one)));

  test('docs/status.md has a row for each of its fields, and for no other', () => {
    const told = toldPaths();
    expect([...seen].filter((path) => !isTold(path, told))).toEqual([]);
    expect([...told].filter((path) => !seen.has(path))).toEqual([]);
  });

  test('docs/openapi.yaml describes the same fields', () => {
    expect([...describedPaths()].toSorted()).toEqual([...toldPaths()].toSorted());
  });

  test('docs/openapi.yaml holds for every state', () => {
    const validate = statusValidator();
    for (const status of statuses()) {
      validate(status);
      expect(validate.errors ?? []).toEqual([]);
    }
  });
});

/** The first cells of the table that has this header. */
function rows(header: string): readonly string[] {
  const table = page.split(`\n| ${header} | `)[1]?.split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

describe('the lines of pointsman status', () => {
  /** What stands where the label does: a text, or an expression. */
  function labels(file: string, call: RegExp): { texts: Set<string>; others: Set<string> } {
    const [texts, others] = [new Set<string>(), new Set<string>()];
    for (const [, text, other] of read(file).matchAll(call)) {
      (text === undefined ? others : texts).add(text ?? other ?? '');
    }
    return { texts, others };
  }

  test('docs/status.md has a row for each kind of finding, and for no other', () => {
    const one = labels('src/status/findings.ts', /\bone\(\s*'\w+',\s*(?:'([^']+)'|([\w.]+))/g);
    const each = labels('src/status/findings.ts', /\beach\(\s*[^']*?,\s*'([^']+)'/g);
    expect([...one.others].toSorted()).toEqual(['pass.outcome', 'state']);
    const failing = OUTCOMES.filter((outcome) => {
      const pass = samplePass({ outcome, error: 'no' });
      const isLoud = describeEvent(pass).level !== 'info';
      return isLoud && failingPass({ lastPass: { ...pass, at: '', ageSeconds: 0 } }) !== null;
    });
    expect(rows('line with `!`').toSorted()).toEqual(
      [...one.texts, ...each.texts, ...failing, 'connecting', 'stale'].toSorted(),
    );
  });

  test('docs/status.md has a row for each finding that the page alone has', () => {
    const { texts } = labels('src/page/health.ts', /\bfinding\(\s*'([^']+)'/g);
    expect(rows('finding').toSorted()).toEqual([...texts].toSorted());
  });

  test('docs/status.md has a row for each line of figures, and for no other', () => {
    const { texts } = labels('src/status/screen.ts', /\brow\(\s*'([^']+)'/g);
    expect(rows('line without `!`').toSorted()).toEqual([...texts].toSorted());
  });
});
