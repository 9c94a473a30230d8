import { afterEach, describe, expect, test, vi } from 'vitest';
import { clock } from '../../src/ports/clock.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { Pace } from '../../src/reconcile/pace.ts';
import { recorder } from './fakes.ts';

const mail = (firstAt: number, lastAt = firstAt) => ({ triggers: ['x'], firstAt, lastAt });

describe('Pace', () => {
  test('lets a first change out at once, and those that follow after quiet, at the latest after maxWait', () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 2000 }, () => {});
    expect(pace.due(mail(5000))).toBe(5000);
    pace.took(mail(5000));
    pace.settled();
    expect(pace.due(mail(5100))).toBe(5300);
    expect(pace.due(mail(5100, 5250))).toBe(5450);
    expect(pace.due(mail(5100, 6090))).toBe(6100);
    pace.took(mail(5100, 6090));
    pace.settled();
    expect(pace.due(mail(6290))).toBe(6290);
  });

  test('counts maxWait from the first change that no pass has settled', () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 0 }, () => {});
    pace.took(mail(5000));
    expect(pace.reloadDue()).toBe(5000);
    pace.took(mail(5100));
    expect(pace.reloadDue()).toBe(5300);
    pace.took(mail(5290, 5950));
    expect(pace.reloadDue()).toBe(6000);
  });

  test("holds a reload back by the host's own splay, but not what goes without one", () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 0, splay: 300 }, () => {});
    expect(pace.due(mail(5000))).toBe(5000);
    pace.took(mail(5000));
    expect(pace.reloadDue()).toBe(5300);
  });

  test('keeps reloads apart', () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 2000 }, () => {});
    expect(pace.reloadDue()).toBe(Number.NEGATIVE_INFINITY);
    const before = clock.now();
    pace.reloaded();
    expect(pace.reloadDue()).toBeGreaterThanOrEqual(before + 2000);
    expect(pace.reloadDue()).toBeLessThanOrEqual(clock.now() + 2000);
  });
});

const RIGHT_AWAY = { quiet: 0, maxWait: 0, reloadInterval: 0 };

/** Whether a reload has to wait for old workers; if so it does. */
function holds(pace: Pace, state: HaproxyState): boolean {
  const isHeld = pace.workersMs(state) > 0;
  if (isHeld) {
    pace.waitsForWorkers(state);
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

describe('Pace, of old workers,', () => {
  afterEach(() => void vi.useRealTimers());

  test('holds a reload while too many are left, says so once, and not for ever', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const said = recorder();
    const pace = new Pace({ ...RIGHT_AWAY, maxOldWorkers: 2, patience: 1000 }, said.emit);
    const after = (ms: number, workers: number) => {
      vi.advanceTimersByTime(ms);
      return holds(pace, running(workers));
    };
    expect(after(0, 1)).toBe(false);
    expect([after(0, 2), after(500, 2), after(499, 2)]).toEqual([true, true, true]);
    expect(after(1, 2)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed']);
    pace.reloaded();
    expect(after(1, 3)).toBe(true);
    expect(after(1, 1)).toBe(false);
    expect(said.kinds()).toEqual(['reload-delayed', 'reload-delayed']);
  });

  test('holds nothing where they cannot be counted, or HAProxy is away', () => {
    const pace = new Pace({ ...RIGHT_AWAY, maxOldWorkers: 1 }, () => {});
    expect(holds(pace, running())).toBe(false);
    expect(holds(pace, { kind: 'away', cause: '' })).toBe(false);
  });
});
