import { test } from 'vitest';
import { driftDrills } from './drift.ts';

test.each(driftDrills)('$name', async (drill) => {
  await drill.run('short');
});
