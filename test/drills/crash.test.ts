import { test } from 'vitest';
import { crashDrills } from './crash.ts';

test.each(crashDrills)('$name', async (drill) => {
  await drill.run('short');
});
