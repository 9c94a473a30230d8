import { test } from 'vitest';
import { quarantineDrills } from './quarantine.ts';

test.each(quarantineDrills)('$name', async (drill) => {
  await drill.run('short');
});
