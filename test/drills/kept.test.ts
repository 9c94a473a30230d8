import { test } from 'vitest';
import { keptDrills } from './kept.ts';

test.each(keptDrills)('$name', async (drill) => {
  await drill.run('short');
});
