import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashText, partsOf, splitMark, withMark } from '../../src/plan/mark.ts';

describe('the mark', () => {
  test('comes off again and leaves exactly the text, also without a final newline or with another mark in it', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((s) => `${s}\n`),
      fc.string().map(withMark),
    );
    fc.assert(
      fc.property(text, (t) => {
        expect(splitMark(withMark(t))).toEqual({ text: t, mark: hashText(t) });
      }),
    );
  });

  test('no longer fits a text that was edited by hand', () => {
    const { text, mark } = splitMark(withMark('a\n').replace('a', 'b'));
    expect(text).toBe('b\n');
    expect(mark).not.toBe(hashText(text));
  });

  test('is written after its text in parts that make up the whole', () => {
    const marked = withMark('global\n  maxconn 10');
    expect(partsOf(marked)).toHaveLength(2);
    expect(partsOf(marked).join('')).toBe(marked);
    expect(partsOf('of somebody else')).toEqual(['of somebody else']);
  });

  test('is null in a file that carries none', () => {
    expect(splitMark('global\n')).toEqual({ text: 'global\n', mark: null });
  });
});
