import { test } from 'vitest';
import { driftDrills } from './drift.ts';

// What a drill promises is mostly a time, and machines are shared: the second run decides. A promise that is
// broken is broken twice.
test.each(driftDrills)('$name', { retry: 1 }, async (drill) => {
  await drill.run('short');
});
