import type { AnyFunction, Environment } from './nunjucks.ts';
import { checkItems, checkLength } from './sizes.ts';
import { textOf, unwrap } from './values.ts';

/**
 * The filters of nunjucks that take longer than their input is long (`trim`, `striptags`), or give as much as an
 * argument says. They mean the same here, in linear time, and what is too large is an error.
 */
export function boundedFilters(env: Environment) {
  const original = { ...env.filters };
  const call = (name: string, self: unknown, args: unknown[]) =>
    (original[name] as AnyFunction).apply(self, args);
  /** A filter whose first argument says how much it gives. */
  const sized = (name: string, check: (size: number) => void): AnyFunction =>
    function (value, ...args) {
      check(Number(unwrap(args[0] ?? 0)));
      return call(name, this, [value, ...args]);
    };
  return {
    trim: (value: unknown) => textOf(value).trim(),
    striptags(value: unknown, keepLines?: unknown): string {
      const text = withoutTags(textOf(value)).trim();
      return keepLines === true || unwrap(keepLines) ? tidyLines(text) : text.replace(/\s+/g, ' ');
    },
    center: sized('center', checkLength),
    batch: sized('batch', checkItems),
    slice: sized('slice', checkItems),
    indent(this: unknown, value: unknown, ...args: unknown[]) {
      const text = textOf(value);
      checkLength(text.length + occurrences(text, '\n') * Number(unwrap(args[0] ?? 0)));
      return call('indent', this, [text, ...args]);
    },
    replace(this: unknown, value: unknown, ...args: unknown[]) {
      const [text, old, now] = [value, ...args].map(unwrap);
      if ((typeof old === 'string' || typeof old === 'number') && typeof now === 'string') {
        const whole = String(text);
        checkLength(whole.length + occurrences(whole, String(old)) * now.length);
      }
      return call('replace', this, [value, ...args]);
    },
  };
}

/** nunjucks' `range`, with an end. */
export function range(...args: unknown[]): number[] {
  const [first, second, third] = args.map((arg) => Number(unwrap(arg)));
  const [start, stop, step] =
    second === undefined ? [0, first ?? Number.NaN, 1] : [first ?? 0, second, third || 1];
  const count = Math.max(0, Math.ceil((stop - start) / step)) || 0;
  checkItems(count);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** How often a text holds another, as `replace` would find it; an empty one stands around each character. */
export function occurrences(text: string, part: string): number {
  if (part === '') {
    return text.length + 1;
  }
  let found = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) {
    found++;
  }
  return found;
}

/** Without `<a …>`, `</a>` and `<!-- … -->`: each end is looked for once, and not again where there is none. */
function withoutTags(text: string): string {
  const name = /<\/?[a-z][a-z0-9]*\b/iy;
  const isLast = { '>': false, '-->': false };
  const end = (of: '>' | '-->', from: number) => {
    const at = isLast[of] ? -1 : text.indexOf(of, from);
    isLast[of] = at === -1;
    return at === -1 ? -1 : at + of.length;
  };
  let out = '';
  let kept = 0;
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    name.lastIndex = at;
    const after = name.test(text)
      ? end('>', name.lastIndex)
      : text.startsWith('<!--', at)
        ? end('-->', at + 4)
        : -1;
    if (after !== -1) {
      out += text.slice(kept, at);
      kept = after;
    }
    at = after === -1 ? at + 1 : after;
  }
  return out + text.slice(kept);
}

/** Lines without blanks around them, single blanks, and no more than one empty line. */
function tidyLines(text: string): string {
  return text
    .split(/([\n\r\u2028\u2029])/)
    .map((line) => line.replace(/ +/g, ' ').replace(/^ /, '').replace(/ $/, ''))
    .join('')
    .replaceAll('\r\n', '\n')
    .replace(/\n\n\n+/g, '\n\n');
}
