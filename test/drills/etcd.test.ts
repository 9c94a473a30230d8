import { test, vi } from 'vitest';
import { etcdDrills } from './etcd.ts';

// Most of their time is waiting for etcd.
vi.setConfig({ maxConcurrency: 2 });

test.concurrent.each(etcdDrills)('$name', async (drill) => {
  await drill.run('short');
});
