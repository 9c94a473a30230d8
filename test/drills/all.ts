import { cacheDrills } from './cache.ts';
import { crashDrills } from './crash.ts';
import { driftDrills } from './drift.ts';
import type { Drill } from './drill.ts';
import { etcdDrills } from './etcd.ts';
import { guardDrills } from './guard.ts';
import { hostileDrills } from './hostile.ts';
import { quarantineDrills } from './quarantine.ts';
import { quarantineSlowDrills } from './quarantine-slow.ts';
import { reloadDrills } from './reload.ts';
import { streamDrills } from './reload-streams.ts';
import { runtimeDrills } from './runtime.ts';

/** Every drill, in the order of the table. */
export const DRILLS: readonly Drill[] = [
  ...cacheDrills,
  ...guardDrills,
  ...etcdDrills,
  ...quarantineDrills,
  ...quarantineSlowDrills,
  ...reloadDrills,
  ...streamDrills,
  ...driftDrills,
  ...runtimeDrills,
  ...crashDrills,
  ...hostileDrills,
];
