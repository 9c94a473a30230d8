import { test } from 'vitest';
import { oldestAndNewest } from '../support/haproxy-versions.ts';
import { runtimeDrillsOn } from './runtime.ts';

test.each(oldestAndNewest.flatMap(runtimeDrillsOn))('$name', async (drill) => {
  await drill.run('short');
});
