import { describe, expect, test } from 'vitest';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { WorkerCap } from '../../src/rollout/worker-cap.ts';
import { recorder } from '../reconcile/fakes.ts';

/** Whether a reload has to wait; if so it does. */
function holds(cap: WorkerCap, state: HaproxyState, now: number): boolean {
  const isHeld = cap.left(state, now) > 0;
  if (isHeld) {
    cap.waits(state, now);
  }
  return isHeld;
}

const running = (oldWorkers?: number): HaproxyState => ({
  kind: 'running',
  pid: 1,
  mark: null,
  version: null,
  ...(oldWorkers === undefined ? {} : { oldWorkers }),
});

describe('WorkerCap', () => {
  test('holds a reload while too many old workers are left, says so once, and not for ever', () => {
    const said = recorder();
    const cap = new WorkerCap({ most: 2, patience: 1000, emit: said.emit });
    expect(holds(cap, running(1), 0)).toBe(false);
    expect([0, 500, 999].map((now) => holds(cap, running(2), now))).toEqual([true, true, true]);
    expect(holds(cap, running(2), 1000)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed']);
    cap.reloaded();
    expect(holds(cap, running(3), 1001)).toBe(true);
    expect(holds(cap, running(1), 1002)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed', 'reload-delayed']);
  });

  test('holds nothing where old workers cannot be counted, or HAProxy is away', () => {
    const cap = new WorkerCap({ most: 1, emit: () => {} });
    expect(holds(cap, running(), 0)).toBe(false);
    expect(holds(cap, { kind: 'away', cause: '' }, 0)).toBe(false);
  });
});
