import { test, vi } from 'vitest';
import { etcdDrills } from './etcd.ts';

// Most of their time is waiting for etcd.
vi.setConfig({ maxConcurrency: 2 });

// What a drill promises is mostly a time, and machines are shared: the second run decides. A promise that is
// broken is broken twice.
test.concurrent.each(etcdDrills)('$name', { retry: 1 }, async (drill) => {
  await drill.run('short');
});
