import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/render/site.ts';
import { limitOf, withinTime } from '../../src/rollout/render-limit.ts';

const LIMIT = { ms: 100, words: 'it takes too long', hint: 'less' };

describe('withinTime()', () => {
  test.each<[string, () => unknown]>([
    [
      'a loop',
      () => {
        for (;;) {}
      },
    ],
    [
      'a loop that catches everything',
      () => {
        for (;;) {
          try {
            throw new Error('x');
          } catch {}
        }
      },
    ],
    ['a regular expression', () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)],
  ])('ends %s', async (_, work) => {
    await expect(withinTime(LIMIT, () => String(work()))).rejects.toThrow(new Fault(LIMIT.words, LIMIT.hint));
  });

  test('gives what the work gave, and its errors as they are', async () => {
    expect(await withinTime(LIMIT, () => 'x')).toBe('x');
    const error = new RangeError('mine');
    await expect(
      withinTime(LIMIT, () => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  test('tries again what had no processor: that is no fault of the work', async () => {
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    let tries = 0;
    const text = await withinTime(LIMIT, () => {
      if (tries++ === 0) {
        Atomics.wait(nothing, 0, 0, 60_000);
      }
      return 'done';
    });
    expect([text, tries]).toEqual(['done', 2]);
  });
});

describe('limitOf()', () => {
  test('gives a test of a search ten times what a text of so many keys took, within bounds', () => {
    expect(limitOf(1000).ms).toBe(1000);
    expect(limitOf(1000, Number.POSITIVE_INFINITY).ms).toBe(1000);
    expect(limitOf(1000, 40).ms).toBe(400);
    expect(limitOf(1000, 4).ms).toBe(100);
    expect(limitOf(1000, 400).ms).toBe(1000);
  });
});
