import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { announceMetrics } from '../../src/announce/announce-metrics.ts';
import type { AnnounceEvent } from '../../src/announce/events.ts';
import type { RegistrarState } from '../../src/announce/registrar.ts';

const BEFORE: RegistrarState = {
  registered: [],
  lease: null,
  awaySince: 1_000,
  held: new Map(),
  refused: new Map(),
};
const AFTER: RegistrarState = {
  registered: ['/services/web/a'],
  lease: '7',
  awaySince: null,
  held: new Map([['/services/web/b', 'the owner x']]),
  refused: new Map([['/services/web/c', 'permission denied']]),
};
const PUT = { kind: 'registered', key: '/services/web/a', value: '{}' } as const;
const EVENTS: readonly AnnounceEvent[] = [
  { ...PUT, why: 'new' },
  { ...PUT, why: 'changed' },
  { ...PUT, why: 'gone' },
  { ...PUT, why: 'taken over' },
  { ...PUT, why: 'adopted' },
  { kind: 'deregistered', key: '/services/web/a' },
  { kind: 'lease-renewed', lease: '7' },
  { kind: 'lease-lost', lease: '7' },
  { kind: 'store-lost' },
  { kind: 'health', what: 'web', well: false, why: 'refused' },
  { kind: 'health', what: 'api', well: false, why: 'refused' },
  { kind: 'unchecked', what: 'api' },
  { kind: 'engine-away', engine: 'unix:///s', message: 'nobody listens' },
];

function series(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

test('every series is there from the start, and each moves by what happens', () => {
  const metrics = announceMetrics();
  const first = series(metrics.text({ state: BEFORE, version: '1.2.3', now: 3_500 }));
  expect(first.get('pointsman_announce_store_away_seconds')).toBe(2.5);
  expect(first.get('pointsman_announce_puts_total{why="gone"}')).toBe(0);
  for (const event of EVENTS) {
    metrics.listener(event);
  }
  const later = series(metrics.text({ state: AFTER, version: '1.2.3', now: 3_500 }));
  expect([...later.keys()]).toEqual([...first.keys()]);
  const still = [...later].filter(
    ([name, value]) => first.get(name) === value && !name.includes('_process_'),
  );
  expect(still).toEqual([['pointsman_build_info{version="1.2.3"}', 1]]);
  metrics.listener({ kind: 'health', what: 'web', well: true, why: '' });
  expect(metrics.counts.unwell.size).toBe(0);
});

test('of sync one more says whether this one leads', () => {
  const at = { state: BEFORE, version: '1', now: 0 };
  const { text } = announceMetrics();
  expect(text(at)).not.toContain('sync');
  expect(series(text({ ...at, leads: false })).get('pointsman_sync_leader')).toBe(0);
  expect(series(text({ ...at, leads: true })).get('pointsman_sync_leader')).toBe(1);
});

test('docs/metrics.md describes each with its type and help, and no other', () => {
  const text = announceMetrics().text({ state: BEFORE, version: '1', now: 0, leads: false });
  const real = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(([, name, help, type]) => [
    name,
    type,
    help,
  ]);
  const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const told = (docs.split('\n## Of announce')[1]?.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
    .map(([, name, type, , meaning]) => [name, type, meaning]);
  expect(real).toHaveLength(17);
  expect(told).toEqual(real);
});
