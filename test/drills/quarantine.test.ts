import { test } from 'vitest';
import { quarantineDrills } from './quarantine.ts';
import { quarantineMendedDrills } from './quarantine-mended.ts';
import { quarantineSlowDrills } from './quarantine-slow.ts';

test.each([...quarantineDrills, ...quarantineMendedDrills, ...quarantineSlowDrills])(
  '$name',
  async (drill) => {
    await drill.run('short');
  },
);
