import { describe, expect, test } from 'vitest';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { WorkerCap } from '../../src/rollout/worker-cap.ts';
import { recorder } from '../reconcile/fakes.ts';

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
    expect(cap.holds(running(1), 0)).toBe(false);
    expect([0, 500, 999].map((now) => cap.holds(running(2), now))).toEqual([true, true, true]);
    expect(cap.holds(running(2), 1000)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed']);
    cap.reloaded();
    expect(cap.holds(running(3), 1001)).toBe(true);
    expect(cap.holds(running(1), 1002)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed', 'reload-delayed']);
  });

  test('holds nothing where old workers cannot be counted, or HAProxy is away', () => {
    const cap = new WorkerCap({ most: 1, emit: () => {} });
    expect(cap.holds(running(), 0)).toBe(false);
    expect(cap.holds({ kind: 'away', cause: '' }, 0)).toBe(false);
  });
});
