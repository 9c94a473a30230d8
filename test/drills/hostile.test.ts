import { test } from 'vitest';
import { hostileDrills } from './hostile.ts';

test.each(hostileDrills)('$name', async (drill) => {
  await drill.run('short');
});
