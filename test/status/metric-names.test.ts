import { expect, test } from 'vitest';
import { announceMetrics } from '../../src/announce/announce-metrics.ts';
import { openMetrics } from '../../src/status/metrics.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { lintMetrics } from '../support/promtool.ts';
import { SAMPLES } from './sample-events.ts';

const AWAY = { registered: [], held: new Map(), refused: new Map(), awaySince: null, lease: null };

test("promtool finds nothing wrong with the daemon's metrics", async () => {
  const now = () => 100_000;
  const tracker = trackStatus({ version: '1.2.3', now });
  const metrics = await openMetrics({ status: tracker.current, heartbeat: now, now });
  for (const event of Object.values(SAMPLES)) {
    tracker.listener(event);
    metrics.listener(event);
  }
  expect(await lintMetrics((await metrics.read()).text)).toBe('');
});

test.each([
  ['announce', {}],
  ['sync', { leads: true }],
])('nor with those of %s, which are written by hand', async (_, more) => {
  const text = announceMetrics().text({ state: AWAY, version: '1.2.3', now: 0, ...more });
  expect(await lintMetrics(text)).toBe('');
});

test('promtool would find what is wrong', async () => {
  expect(
    await lintMetrics('# HELP a_milliseconds A.\n# TYPE a_milliseconds counter\na_milliseconds 1\n'),
  ).toContain('a_milliseconds');
  expect(await lintMetrics('a{b="c} 1\n')).toContain('exit code');
});
