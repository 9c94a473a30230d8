import { linearRegex } from '../linear-regex.ts';
import { checkLength } from '../sizes.ts';
import { text } from './arguments.ts';

/** The functions on regular expressions of confd's newer versions, in Go's syntax and with its meaning. */
export const REGEX_FUNCTIONS = {
  regexMatch: (pattern: unknown, value: unknown) => compile(pattern).test(text(value, 'the text')),
  /** The first match, or an empty text. */
  regexFind(pattern: unknown, value: unknown): string {
    const matcher = compile(pattern).matcher(text(value, 'the text'));
    return matcher.find() ? (matcher.group() ?? '') : '';
  },
  /** `$1` and `${name}` in the replacement stand for groups, `$$` for a dollar. */
  regexReplaceAll(pattern: unknown, value: unknown, replacement: unknown): string {
    const [expression, whole] = [compile(pattern), text(value, 'the text')];
    const parts = templateParts(text(replacement, 'the replacement'));
    const names = expression.namedGroups();
    const matcher = expression.matcher(whole);
    const groupOf = (name: string) => {
      const number = /^\d+$/.test(name) ? Number(name) : names[name];
      return number === undefined || number > matcher.groupCount() ? '' : (matcher.group(number) ?? '');
    };
    let out = '';
    let end = 0;
    while (matcher.find()) {
      // As Go: where a match has just ended, an empty one does not count.
      if (matcher.end() > end || matcher.start() === 0) {
        out += whole.slice(end, matcher.start());
        out += parts.map((part) => (typeof part === 'string' ? part : groupOf(part.group))).join('');
        end = matcher.end();
        checkLength(out.length);
      }
    }
    return out + whole.slice(end);
  },
};

function compile(pattern: unknown) {
  return linearRegex(text(pattern, 'the pattern'));
}

/** As Go's `Expand`: a name is as long as it can be, and an unknown one is empty. */
function templateParts(template: string): readonly (string | { readonly group: string })[] {
  const parts: (string | { readonly group: string })[] = [];
  let end = 0;
  for (const match of template.matchAll(/\$(?:\$|(\w+)|\{(\w+)\})/g)) {
    parts.push(template.slice(end, match.index));
    const group = match[1] ?? match[2];
    parts.push(group === undefined ? '$' : { group });
    end = match.index + match[0].length;
  }
  return [...parts, template.slice(end)];
}
