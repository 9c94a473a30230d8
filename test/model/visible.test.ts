import { describe, expect, it } from 'vitest';
import { shorten } from '../../src/model/shorten.ts';
import { visible, visibleLines, visibleQuoted } from '../../src/model/visible.ts';

/** What a terminal shows as nothing, as a blank, or by turning the direction of what follows. */
const UNSEEN = [
  ...[0x00, 0x07, 0x0d, 0x1b, 0x7f, 0x85, 0x9b, 0xa0, 0xad],
  ...[0x34f, 0x61c, 0x115f, 0x1160, 0x1680, 0x17b4, 0x180b, 0x180e],
  ...[0x2000, 0x2007, 0x200a, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f],
  ...[0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x202f, 0x205f],
  ...[0x2060, 0x2061, 0x2064, 0x2066, 0x2067, 0x2068, 0x2069, 0x206f],
  ...[0x2800, 0x3000, 0x3164, 0xd800, 0xdfff, 0xe000, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xffff],
  ...[0x1d173, 0xe0001, 0xe0020, 0xe0100, 0xf0000],
];

describe('visible()', () => {
  it.each(UNSEEN)('shows the character %i by its number', (code) => {
    const digits = code.toString(16);
    const text = `a${String.fromCodePoint(code)}b`;
    const shown =
      code === 0x0d ? '\\r' : digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`;
    expect(visible(text)).toBe(`a${shown}b`);
    expect(visibleLines(text)).toBe(`a${shown}b`);
    expect(shorten(text)).toBe(`a${shown}b`);
    expect(visibleQuoted(JSON.stringify(text))).toMatch(/^[ -~]+$/);
    expect(JSON.parse(visibleQuoted(JSON.stringify(text)))).toBe(text);
  });

  it('leaves alone what is seen, in every script', () => {
    const text = 'web-1 "a" \\ é ß Ω Ж 日本 العربية 😀 … · «x»';
    expect(visible(text)).toBe(text);
    expect(visibleLines(`${text}\n\t${text}`)).toBe(`${text}\n\t${text}`);
  });

  it('puts all into one line, unless lines are asked for', () => {
    expect(visible('a\nb\tc\r\n')).toBe('a\\nb\\tc\\r\\n');
    expect(visibleLines('a\nb\tc\r\nd\re')).toBe('a\nb\tc\nd\\re');
  });
});
