import type { Timed } from './actions.ts';
import { type SimulationOptions, type SimulationResult, simulate } from './simulate.ts';

/**
 * Leaves away of what happens whatever is not needed for a promise to be broken: a seed's story of 40 happenings becomes
 * one of a few.
 */
export async function shrink(
  options: SimulationOptions,
  broken: SimulationResult,
): Promise<SimulationResult> {
  let least = broken;
  for (let size = Math.ceil(broken.actions.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < least.actions.length; ) {
      const actions = without(least.actions, at, size);
      const result = await simulate({ ...options, actions, mode: broken.mode, sources: broken.sources });
      if (result.violation) {
        least = result;
      } else {
        at += size;
      }
    }
  }
  return least;
}

function without(actions: readonly Timed[], at: number, size: number): readonly Timed[] {
  return [...actions.slice(0, at), ...actions.slice(at + size)];
}
