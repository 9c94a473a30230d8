import { test } from 'vitest';
import { quarantineDrills } from './quarantine.ts';
import { quarantineSlowDrills } from './quarantine-slow.ts';

// What a drill promises is mostly a time, and machines are shared: the second run decides. A promise that is
// broken is broken twice.
test.each([...quarantineDrills, ...quarantineSlowDrills])('$name', { retry: 1 }, async (drill) => {
  await drill.run('short');
});
