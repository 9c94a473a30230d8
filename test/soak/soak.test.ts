import { expect, test } from 'vitest';
import { reportOf } from './report.ts';
import { soak } from './soak.ts';

test('half a minute of random faults and changes breaks no promise', { timeout: 120_000 }, async () => {
  const result = await soak({ seed: 1, minutes: 0.4 });
  expect(result.problems, reportOf(result)).toEqual([]);
  expect(result.answered).toBeGreaterThan(100);
});
