import { afterAll, test, vi } from 'vitest';
import { chooseEtcd } from '../support/etcd-versions.ts';
import { accessDrills } from './etcd-access.ts';
import { storeDrills } from './etcd-store.ts';

// The others take longer, and are about the way to a member: `npm run drills -- --only etcd --etcd 3.5` has them all.
vi.setConfig({ maxConcurrency: 2 });
const etcd = chooseEtcd('3.5');
afterAll(() => etcd[Symbol.dispose]());

test.concurrent.each([...storeDrills, ...accessDrills])('etcd 3.5: $name', async (drill) => {
  await drill.run('short');
});
