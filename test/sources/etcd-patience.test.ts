import { expect, test } from 'vitest';
import { PagePatience } from '../../src/sources/etcd-patience.ts';

/** Reads from a store that takes so long for each key; gives how often a page did not come in time. */
function read(patience: PagePatience, { keys, each }: { keys: number; each: number }): number {
  let failures = 0;
  for (let left = keys; left > 0; ) {
    const took = each * Math.min(left, patience.keys);
    if (took > patience.milliseconds) {
      patience.stayedAway();
      failures++;
      left = keys;
      continue;
    }
    patience.came(took);
    left -= patience.keys;
  }
  patience.finished();
  return failures;
}

test('a member that says nothing is left after 2 s', () => {
  expect(new PagePatience().milliseconds).toBe(2_000);
});

test('a store that is very slow gets through, and the next full reads fail no more than the first', () => {
  const patience = new PagePatience();
  // 256 KiB for each key over 10 Mbit/s.
  const slow = { keys: 3_000, each: 210 };
  expect(read(patience, slow)).toBe(3);
  for (let time = 0; time < 20; time++) {
    expect(read(patience, slow)).toBeLessThanOrEqual(1);
  }
});

test('a store that became quick is waited for as at first', () => {
  const patience = new PagePatience();
  read(patience, { keys: 3_000, each: 210 });
  for (let time = 0; time < 10; time++) {
    read(patience, { keys: 3_000, each: 0.01 });
  }
  expect([patience.milliseconds, patience.keys]).toEqual([2_000, 1_000]);
});
