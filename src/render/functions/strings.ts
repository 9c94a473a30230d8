import { occurrences } from '../bounded-filters.ts';
import { hasControlCharacters } from '../control-characters.ts';
import { Fault } from '../site.ts';
import { checkLength, joined } from '../sizes.ts';
import { describe, textOf } from '../values.ts';
import { integer, text, texts } from './arguments.ts';

/** confd's functions on text, with the meaning of Go's `strings` package. */
export const STRING_FUNCTIONS = {
  split(value: unknown, separator: unknown): string[] {
    const by = text(separator, 'the separator');
    return by === '' ? [...text(value, 'the text')] : text(value, 'the text').split(by);
  },
  join(items: unknown, separator: unknown): string {
    return joined(texts(items, 'the list'), text(separator, 'the separator'));
  },
  /** Without `count`, and with one below 0: all. */
  replace(value: unknown, from: unknown, to: unknown, count: unknown = -1): string {
    return replace(
      text(value, 'the text'),
      text(from, 'what to replace'),
      text(to, 'the new text'),
      integer(count, 'the count'),
    );
  },
  trimPrefix(value: unknown, prefix: unknown): string {
    const [whole, start] = [text(value, 'the text'), text(prefix, 'the prefix')];
    return whole.startsWith(start) ? whole.slice(start.length) : whole;
  },
  trimSuffix(value: unknown, suffix: unknown): string {
    const [whole, end] = [text(value, 'the text'), text(suffix, 'the suffix')];
    return end !== '' && whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  },
  contains(value: unknown, part: unknown): boolean {
    return text(value, 'the text').includes(text(part, 'the part'));
  },
  toUpper(value: unknown): string {
    return mapRunes(text(value, 'the text'), (rune) => rune.toUpperCase());
  },
  toLower(value: unknown): string {
    return mapRunes(text(value, 'the text'), (rune) => rune.toLowerCase());
  },
  repeat(count: unknown, value: unknown): string {
    const times = integer(count, 'the count');
    const part = text(value, 'the text');
    if (times < 0) {
      throw new Fault(`the count must be 0 or more, not ${times}`);
    }
    checkLength(times * part.length);
    return part.repeat(times);
  },
  indent(spaces: unknown, value: unknown): string {
    const whole = text(value, 'the text');
    const count = Math.max(0, integer(spaces, 'the number of spaces'));
    checkLength(whole.length + count * (occurrences(whole, '\n') + 1));
    const width = ' '.repeat(count);
    return whole
      .split('\n')
      .map((line) => width + line)
      .join('\n');
  },
  /** One word of HAProxy's configuration, whatever the text holds (configuration manual 2.2, "Quoting and escaping"). */
  quote(value: unknown): string {
    const word = textOf(value);
    if (hasControlCharacters(word) || !word.isWellFormed()) {
      throw new Fault(
        `${describe(word)} holds a line break or a control character: no word of HAProxy's can`,
        'take it out of the text first, or give each line a word of its own',
      );
    }
    return `"${word.replace(/[\\"$]/g, '\\$&')}"`;
  },
};

/** As Go: an empty text to replace matches before every rune and at the end. */
function replace(value: string, from: string, to: string, count: number): string {
  checkLength(value.length + occurrences(value, from) * to.length);
  const limit = count < 0 ? Number.POSITIVE_INFINITY : count;
  const parts = value.split(from);
  const glue = (index: number) => (index < limit ? to : from);
  if (from === '') {
    const runes = [...value];
    return runes.map((rune, i) => (i < limit ? to : '') + rune).join('') + (runes.length < limit ? to : '');
  }
  return parts.map((part, i) => (i === parts.length - 1 ? part : part + glue(i))).join('');
}

/** As Go: rune by rune, so that `ß` stays one. */
function mapRunes(value: string, change: (rune: string) => string): string {
  return [...value]
    .map((rune) => {
      const changed = change(rune);
      return [...changed].length === 1 ? changed : rune;
    })
    .join('');
}
