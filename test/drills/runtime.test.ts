import { test } from 'vitest';
import { runtimeDrills } from './runtime.ts';

test.each(runtimeDrills)('$name', async (drill) => {
  await drill.run('short');
});
