import { describe, expect, test } from 'vitest';
import { SystemError } from '../src/errors.ts';
import { failureOf, noticeOf } from '../src/events.ts';

describe('noticeOf()', () => {
  test('says what an expected failure says, with its hint where it has one', () => {
    const failure = new SystemError('writing /a: no space left', { hint: 'Free some.' });
    expect(noticeOf(failure)).toEqual({
      kind: 'notice',
      message: 'writing /a: no space left',
      hint: 'Free some.',
    });
    expect(noticeOf(new SystemError('writing /a: no'))).toEqual({
      kind: 'notice',
      message: 'writing /a: no',
    });
  });

  test('throws a bug on', () => {
    const bug = new TypeError('no function');
    expect(() => noticeOf(bug)).toThrow(bug);
  });
});

describe('failureOf()', () => {
  test('tells a bug with its stack and where it was', () => {
    expect(failureOf('writing the cache', new TypeError('no function'))).toMatchObject({
      kind: 'part-failed',
      where: 'writing the cache',
      message: 'no function',
      stack: expect.stringContaining('TypeError: no function'),
    });
    expect(failureOf('writing the cache', new SystemError('a: b'))).toEqual({
      kind: 'notice',
      message: 'a: b',
    });
  });
});
