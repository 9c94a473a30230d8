import { expect, test } from 'vitest';
import { afterEnd, endsOf, pauseOf } from '../../src/haproxy/managed-state.ts';

/** The pauses after lives of so many milliseconds each. */
function pausesAfter(lives: readonly number[]): number[] {
  let [now, ends] = [1_000_000, 0];
  return lives.map((ms) => {
    const since = now;
    now += ms;
    const pausing = afterEnd({ kind: 'running', pid: 7, since, firstLine: 0, ends }, 'HAProxy ended', now);
    ends = endsOf(pausing);
    return pauseOf(pausing);
  });
}

test('a HAProxy that ends again and again is started after growing pauses of at most 5 s', () => {
  expect(pausesAfter([100, 100, 100, 100, 100, 100, 100, 100])).toEqual([
    100, 200, 400, 800, 1600, 3200, 5000, 5000,
  ]);
});

test('one that lived for more than 10 s is started again at once', () => {
  expect(pausesAfter([100, 100, 10_001, 100])).toEqual([100, 200, 100, 200]);
});
