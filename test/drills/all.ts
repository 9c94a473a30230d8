import type { Drill } from './drill.ts';

/** Every drill, in the order of the table. */
export const DRILLS: readonly Drill[] = [];
