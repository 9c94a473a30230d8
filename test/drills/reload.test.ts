import { test } from 'vitest';
import { reloadDrills } from './reload.ts';

test.each(reloadDrills)('$name', async (drill) => {
  await drill.run('short');
});
