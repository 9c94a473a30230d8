import { Fault } from '../../site.ts';
import { describe } from '../../values.ts';
import { sprint } from './format.ts';
import { goValue } from './values.ts';

const HTML: Readonly<Record<string, string>> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\u0000': '\ufffd',
};
const JS: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '<': '\\u003C',
  '>': '\\u003E',
  '&': '\\u0026',
  '=': '\\u003D',
};

/** The one text of Go's escapers: that of the only argument, else what `print` makes of all. */
function evaluated(values: readonly unknown[]): string {
  const [first] = values;
  const only = values.length === 1 ? goValue(first) : null;
  return only?.kind === 'string' ? only.value : only?.kind === 'nil' ? '<no value>' : sprint(values);
}

/** Go's `html`. */
export function goHtml(values: readonly unknown[]): string {
  return evaluated(values).replace(/["'&<>\0]/g, (found) => HTML[found] ?? found);
}

/** Go's `js`. */
export function goJs(values: readonly unknown[]): string {
  return [...evaluated(values)]
    .map((rune) => {
      const code = rune.codePointAt(0) ?? 0;
      const known = JS[rune];
      if (known !== undefined) {
        return known;
      }
      return code < 0x20 || (code > 0x7e && !/[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(rune))
        ? `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
        : rune;
    })
    .join('');
}

/** Go's `urlquery`. */
export function goUrlQuery(values: readonly unknown[]): string {
  return encodeURIComponent(evaluated(values))
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The words of a name, as confd's case functions part them: `HTTPServer` is `HTTP` and `Server`. */
export function wordsOf(value: string): readonly string[] {
  return value
    .replace(/([\p{Ll}\p{Nd}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[\s_-]+/)
    .filter((word) => word !== '');
}

/** confd's `camelcase`. */
export function camelCase(value: string): string {
  return wordsOf(value)
    .map((word, at) =>
      at === 0 ? word.toLowerCase() : word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase(),
    )
    .join('');
}

/** confd's `pluck`: what those of some maps that have a field have in it. */
export function pluck(name: string, maps: readonly unknown[]): readonly unknown[] {
  return maps.flatMap((map) => {
    const of = goValue(map);
    if (of.kind !== 'map') {
      throw new Fault(`pluck takes maps, not ${describe(map)}`);
    }
    return Object.hasOwn(of.value, name) ? [of.value[name]] : [];
  });
}
