import { describe, expect, test } from 'vitest';
import { BackOff, pauseAfter } from '../../src/ports/back-off.ts';

describe('BackOff', () => {
  test('doubles its pause up to a minute, and starts over after a success', () => {
    const retry = new BackOff();
    expect([1, 2, 3].map(() => retry.failed())).toEqual([1000, 2000, 4000]);
    for (let i = 0; i < 10; i++) {
      retry.failed();
    }
    expect(retry.failed()).toBe(60_000);
    retry.succeeded();
    expect(retry.failed()).toBe(1000);
  });
});

describe('pauseAfter()', () => {
  test('leaves to chance no more than the share that may be', () => {
    const options = { first: 100, longest: 300, spread: 0.5 };
    for (let i = 0; i < 200; i++) {
      expect(pauseAfter(1, options)).toSatisfy((ms: number) => ms > 50 && ms <= 100);
      expect(pauseAfter(9, options)).toSatisfy((ms: number) => ms > 150 && ms <= 300);
    }
  });
});
