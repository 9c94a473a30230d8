import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notUtf8, textOf } from '../../src/sources/utf8-text.ts';

const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'é', '日', '😀').map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 3 }).map((some) => Buffer.from(some)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

/** The bytes that a text came from. */
function back(text: string): Buffer {
  return Buffer.concat(
    [...text].map((one) => {
      const code = one.charCodeAt(0);
      return one.length === 1 && code >= 0xdc80 && code <= 0xdcff
        ? Buffer.of(code - 0xdc00)
        : Buffer.from(one);
    }),
  );
}

describe('textOf() and notUtf8()', () => {
  it('give each row of bytes a text of its own, and UTF-8 the text that it is', () => {
    fc.assert(
      fc.property(bytes, (some) => {
        const text = textOf(some);
        expect(back(text)).toEqual(some);
        expect(notUtf8(some) === null).toBe(text === some.toString('utf8') && text.isWellFormed());
      }),
      { numRuns: 2_000 },
    );
  });

  it('name the first byte that is no UTF-8', () => {
    fc.assert(
      fc.property(bytes, (some) => {
        const found = notUtf8(some);
        if (!found) {
          return;
        }
        expect(notUtf8(some.subarray(0, found.at))).toBe(null);
        expect(found.byte).toBe(`\\x${(some[found.at] ?? 0).toString(16).padStart(2, '0')}`);
        const text = textOf(some.subarray(0, found.at + 1));
        expect(text.charCodeAt(text.length - 1)).toBeGreaterThanOrEqual(0xdc80);
      }),
      { numRuns: 2_000 },
    );
  });

  it('take no longer for many megabytes of almost UTF-8 than some milliseconds for each', () => {
    const large = Buffer.concat([Buffer.alloc(4_000_000, 'é'), Buffer.of(0xff)]);
    const began = performance.now();
    expect(notUtf8(large)).toEqual({ byte: '\\xff', at: 4_000_000 });
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
