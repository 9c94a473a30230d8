import type { HaproxyBinary } from '../support/haproxy-versions.ts';
import { announceDrills } from './announce.ts';
import { cacheDrills } from './cache.ts';
import { crashDrills } from './crash.ts';
import { driftDrills } from './drift.ts';
import type { Drill } from './drill.ts';
import { etcdDrills } from './etcd.ts';
import { guardDrills } from './guard.ts';
import { hostileDrills } from './hostile.ts';
import { keptDrills } from './kept.ts';
import { quarantineDrills } from './quarantine.ts';
import { quarantineMendedDrills } from './quarantine-mended.ts';
import { quarantineSlowDrills } from './quarantine-slow.ts';
import { reloadDrills } from './reload.ts';
import { streamDrills } from './reload-streams.ts';
import { runtimeDrillsOn } from './runtime.ts';
import { unitsDrills } from './units.ts';
import { upgradeDrills } from './upgrade.ts';

/** Every drill, in the order of the table; those of the Runtime API on each of `versions`, the others on PATH's HAProxy. */
export const drillsOn = (versions: readonly HaproxyBinary[]): readonly Drill[] => [
  ...cacheDrills,
  ...guardDrills,
  ...etcdDrills,
  ...quarantineDrills,
  ...quarantineMendedDrills,
  ...quarantineSlowDrills,
  ...keptDrills,
  ...reloadDrills,
  ...streamDrills,
  ...driftDrills,
  ...versions.flatMap(runtimeDrillsOn),
  ...crashDrills,
  ...hostileDrills,
  ...upgradeDrills,
  ...announceDrills,
  ...unitsDrills,
];
