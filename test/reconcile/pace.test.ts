import { describe, expect, test } from 'vitest';
import { Pace } from '../../src/reconcile/pace.ts';

const mail = (firstAt: number, lastAt = firstAt) => ({ triggers: ['x'], firstAt, lastAt });

describe('Pace', () => {
  test('lets a first change out at once, and those that follow after quiet, at the latest after maxWait', () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 2000 });
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
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 0 });
    pace.took(mail(5000));
    expect(pace.reloadDue()).toBe(5000);
    pace.took(mail(5100));
    expect(pace.reloadDue()).toBe(5300);
    pace.took(mail(5290, 5950));
    expect(pace.reloadDue()).toBe(6000);
  });

  test("holds a reload back by the host's own splay, but not what goes without one", () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 0, splay: 300 });
    expect(pace.due(mail(5000))).toBe(5000);
    pace.took(mail(5000));
    expect(pace.reloadDue()).toBe(5300);
  });

  test('keeps reloads apart', () => {
    const pace = new Pace({ quiet: 200, maxWait: 1000, reloadInterval: 2000 });
    expect(pace.reloadDue()).toBe(Number.NEGATIVE_INFINITY);
    pace.reloaded(100);
    expect(pace.reloadDue()).toBe(2100);
  });
});
