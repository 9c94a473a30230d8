import { test } from 'vitest';
import { guardDrills } from './guard.ts';

test.each(guardDrills)('$name', async (drill) => {
  await drill.run('short');
});
