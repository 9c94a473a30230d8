import { test } from 'vitest';
import { cacheDrills } from './cache.ts';

test.each(cacheDrills)('$name', async (drill) => {
  await drill.run('short');
});
