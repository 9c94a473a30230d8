import { test } from 'vitest';
import { streamDrills } from './reload-streams.ts';

test.each(streamDrills)('$name', async (drill) => {
  await drill.run('short');
});
