import { expect, test } from 'vitest';
import { excerpt } from '../../src/plan/excerpt.ts';

test('excerpt() shows each named line once, in order, and counts what is too much', () => {
  const text = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`).join('\n');
  expect(excerpt(text, [11, 2, 2, 99])).toEqual([' 2 | line 2', '11 | line 11']);
  expect(excerpt(text, [1, 2, 3], 2)).toEqual(['1 | line 1', '2 | line 2', '… and 1 more']);
  expect(excerpt(text, [])).toEqual([]);
});
