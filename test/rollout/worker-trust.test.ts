import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  afterAnswer,
  afterReload,
  afterRestore,
  afterTouch,
  doubtOf,
  NO_WORKER,
} from '../../src/rollout/worker-trust.ts';

/** The steps one after the other, at the times at which they come. */
class Trust {
  now = NO_WORKER;
  saw(pid: number): void {
    this.now = afterAnswer(this.now, pid, performance.now());
  }
  made(pid: number): void {
    this.now = afterReload(this.now, pid, performance.now());
  }
  fileTouched(): void {
    this.now = afterTouch(this.now, performance.now());
  }
  fileRestored(): void {
    this.now = afterRestore(this.now, performance.now());
  }
  trusts(pid: number): boolean {
    return doubtOf(this.now, pid, performance.now()) === null;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('WorkerTrust', () => {
  test('takes any worker with our mark for ours as long as nobody touched the file', () => {
    const trust = new Trust();
    trust.saw(1);
    expect([trust.trusts(1), trust.trusts(2)]).toEqual([true, true]);
  });

  test('takes a worker that appears while the file is not ours for a stranger, until a reload of ours', () => {
    const trust = new Trust();
    trust.saw(1);
    vi.advanceTimersByTime(10_000);
    trust.fileTouched();
    trust.saw(1);
    expect(trust.trusts(1)).toBe(true);
    trust.saw(2);
    trust.fileRestored();
    expect([trust.trusts(1), trust.trusts(2)]).toEqual([true, false]);
    trust.made(3);
    expect([trust.trusts(3), trust.trusts(2)]).toEqual([true, false]);
  });

  test('takes a worker that began right before an edit was noticed for a stranger', () => {
    const trust = new Trust();
    trust.saw(1);
    vi.advanceTimersByTime(10_000);
    trust.saw(2);
    vi.advanceTimersByTime(500);
    trust.fileTouched();
    trust.fileRestored();
    vi.advanceTimersByTime(10_000);
    expect(trust.trusts(2)).toBe(false);
    trust.saw(3);
    expect(trust.trusts(3)).toBe(true);
  });

  test('knows nothing of a worker that ran before an edit it did not see begin', () => {
    const trust = new Trust();
    trust.fileTouched();
    trust.saw(7);
    expect(trust.trusts(7)).toBe(false);
  });
});
