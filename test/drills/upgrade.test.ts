import { test } from 'vitest';
import { upgradeDrills } from './upgrade.ts';

test.each(upgradeDrills)('$name', async (drill) => {
  await drill.run('short');
});
