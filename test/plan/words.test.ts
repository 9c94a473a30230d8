import { describe, expect, it } from 'vitest';
import { readWords } from '../../src/plan/words.ts';

describe('readWords()', () => {
  it.each([
    ['', []],
    ['  a\tb  c ', ['a', 'b', 'c']],
    ['a # b', ['a']],
    ['a#b', ['a']],
    ['a \\# b', ['a', '#', 'b']],
    ['"a b"c', ['a bc']],
    ['\'a \\ b\' ""', ['a \\ b', '']],
    ['a\\ b \\"c\\"', ['a b', '"c"']],
    ['it\\\'s "it\'s"', ["it's", "it's"]],
    ['"a # b" \'#\'', ['a # b', '#']],
    ['\\x41\\t\\\\ \\q', ['A\t\\', '\\q']],
    ['a\rb', ['a']],
    ['a \\', ['a', '\\']],
    ['$a \'$b\' "\\$c"', ['$a', '$b', '$c']],
  ])('reads %j', (line, words) => {
    expect(readWords(line)).toEqual({ words, variables: false });
  });
  it('sees variables, and tells them from the same text', () => {
    const read = readWords('a "$b"');
    expect(read.variables).toBe(true);
    expect(read.words).not.toEqual(readWords("a '$b'").words);
  });
  it.each(['a "b', "a 'b", 'a \\x4', 'a \\xzz'])('says that %j cannot be read', (line) => {
    expect(readWords(line)).toMatchObject({ words: [line], problem: expect.any(String) });
  });
});
