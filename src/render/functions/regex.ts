import { Fault } from '../site.ts';
import { text } from './arguments.ts';

/** The functions on regular expressions of confd's newer versions, in Go's syntax as far as JavaScript has it. */
export const REGEX_FUNCTIONS = {
  regexMatch: (pattern: unknown, value: unknown) => compile(pattern, '').test(text(value, 'the text')),
  /** The first match, or an empty text. */
  regexFind: (pattern: unknown, value: unknown) =>
    compile(pattern, '').exec(text(value, 'the text'))?.[0] ?? '',
  /** `$1` and `${name}` in the replacement stand for groups, `$$` for a dollar. */
  regexReplaceAll(pattern: unknown, value: unknown, replacement: unknown): string {
    const template = text(replacement, 'the replacement');
    return text(value, 'the text').replaceAll(compile(pattern, 'g'), (...match) => expand(template, match));
  },
};

/** Go writes named groups `(?P<n>…)`, the text's ends `\A` and `\z`, and flags for all of it `(?i)`. */
function compile(pattern: unknown, flags: string): RegExp {
  const source = text(pattern, 'the pattern');
  const [, inline = '', rest = source] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(source) ?? [];
  const js = rest.replaceAll('(?P<', '(?<').replace(/^\\A/, '^').replace(/\\z$/, '$');
  try {
    return new RegExp(js, `${flags}${inline}u`);
  } catch (error) {
    throw new Fault(`${JSON.stringify(source)} is no regular expression: ${(error as Error).message}`);
  }
}

/** As Go's `Expand`: a name is as long as it can be, and an unknown one is empty. */
function expand(template: string, match: readonly unknown[]): string {
  const last = match.at(-1);
  const named = typeof last === 'object' && last !== null ? (last as Record<string, string>) : {};
  const groups = match.slice(
    0,
    match.findIndex((part) => typeof part === 'number'),
  );
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (all, bare?: string, braced?: string) => {
    const name = bare ?? braced;
    if (name === undefined) {
      return all === '$$' ? '$' : all;
    }
    const group = /^\d+$/.test(name) ? groups[Number(name)] : named[name];
    return typeof group === 'string' ? group : '';
  });
}
