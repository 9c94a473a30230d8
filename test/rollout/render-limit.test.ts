import { describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/render/site.ts';
import { RenderLimit, withinTime } from '../../src/rollout/render-limit.ts';

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

describe('RenderLimit', () => {
  test('gives a test of a search ten times what a text of so many keys took, within bounds', async () => {
    const time = new RenderLimit(1000);
    expect(time.whole?.ms).toBe(1000);
    expect(time.ofTest(10)?.ms).toBe(1000);
    vi.useFakeTimers({ toFake: ['performance'] });
    await time.measure(9, async () => vi.advanceTimersByTime(40));
    vi.useRealTimers();
    expect(time.ofTest(9)?.ms).toBe(1000);
    time.accepted();
    expect(time.ofTest(9)?.ms).toBe(400);
    expect(time.ofTest(0)?.ms).toBe(100);
    expect(time.ofTest(99)?.ms).toBe(1000);
    expect(new RenderLimit(undefined).whole).toBeUndefined();
  });
});
