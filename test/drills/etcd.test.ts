import { test } from 'vitest';
import { etcdDrills } from './etcd.ts';

test.each(etcdDrills)('$name', async (drill) => {
  const { ms, seen } = await drill.run('short');
  console.log(`${drill.name}: ${ms === null ? '' : Math.round(ms)} ms ${seen ?? ''}`);
});
