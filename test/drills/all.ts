import { crashDrills } from './crash.ts';
import { driftDrills } from './drift.ts';
import type { Drill } from './drill.ts';
import { quarantineDrills } from './quarantine.ts';
import { reloadDrills } from './reload.ts';
import { streamDrills } from './reload-streams.ts';

/** Every drill, in the order of the table. */
export const DRILLS: readonly Drill[] = [
  ...quarantineDrills,
  ...reloadDrills,
  ...streamDrills,
  ...driftDrills,
  ...crashDrills,
];
