import type { Drill } from './drill.ts';
import { accessDrills } from './etcd-access.ts';
import { memberDrills } from './etcd-members.ts';
import { storeDrills } from './etcd-store.ts';

/** Faults of etcd and of the way to it: what a source believes afterwards, and how soon. */
export const etcdDrills: readonly Drill[] = [...memberDrills, ...storeDrills, ...accessDrills];
