import { expect, test } from 'vitest';
import { reportOf } from './report.ts';
import { soak } from './soak.ts';

test('half a minute of random faults and changes breaks no promise', { timeout: 120_000 }, async () => {
  const result = await soak({ seed: 49, minutes: 0.35 });
  expect(result.problems, `${reportOf(result)}\n${result.log.slice(-8000)}`).toEqual([]);
  expect(result.answered).toBeGreaterThan(100);
});
