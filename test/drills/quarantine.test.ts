import { test } from 'vitest';
import { quarantineDrills } from './quarantine.ts';
import { quarantineSlowDrills } from './quarantine-slow.ts';

test.each([...quarantineDrills, ...quarantineSlowDrills])('$name', async (drill) => {
  await drill.run('short');
});
