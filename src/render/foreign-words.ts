import { didYouMean } from '../model/nearest-names.ts';

/** Words of Go's templates (confd, consul-template), Liquid and Jinja, and what says the same here. */
const WORDS: Readonly<Record<string, string>> = {
  printf: 'join the parts: "a" ~ b ~ "c"',
  print: 'join the parts: "a" ~ b',
  println: 'join the parts: "a" ~ b; the line ends where the template does',
  len: 'x | length',
  index: 'list[0], map["key"] or map.key',
  eq: 'a == b',
  ne: 'a != b',
  lt: 'a < b',
  le: 'a <= b',
  gt: 'a > b',
  ge: 'a >= b',
  and: 'a and b',
  or: 'a or b',
  not: 'not a',
  nil: 'none; for what may be missing: x is defined, or x | default("…")',
  None: 'none',
  null: 'none',
  True: 'true',
  False: 'false',
  range: '{% for x in list %} … {% endfor %}, {% for key, value in map %} … {% endfor %}',
  if: '{% if a %} … {% endif %}',
  else: '{% else %}',
  elsif: '{% elif a %}',
  end: '{% endif %} or {% endfor %}',
  with: '{% set x = … %}',
  define: '{% macro name(a) %} … {% endmacro %}, or a file of its own',
  template: '{% include "name.njk" %}',
  block: '{% block name %} … {% endblock %}',
  for: '{% for x in list %} … {% endfor %}',
  set: '{% set x = … %}',
  assign: '{% set x = … %}',
  capture: '{% set x %} … {% endset %}',
  unless: '{% if not a %} … {% endif %}',
  endunless: '{% endif %}',
  case: '{% switch x %}{% case 1 %} … {% endswitch %}',
  when: '{% case x %}',
  do: 'there is none: {% set x = … %}',
  forloop: 'loop.index (from 1), loop.index0, loop.first, loop.last, loop.length',
  namespace: 'there is none: a set inside of a loop changes what was set before the loop',
  slice: 'x.slice(1, 3)',
  call: 'the name itself: name(a, b)',
  html: 'nothing is escaped here',
  js: 'toJson(x)',
  urlquery: 'x | urlencode',
};

const TAGS =
  'if elif elseif else endif for endfor set endset block endblock extends include import from macro endmacro call endcall filter endfilter switch case default endswitch raw endraw memo endmemo'.split(
    ' ',
  );

const RAW = 'stands in {% raw %} … {% endraw %}';

/** What to write in the place of a word of another language, or undefined. */
export function insteadOf(word: string): string | undefined {
  if (/^\$\w/.test(word)) {
    return 'here: no $ before a name';
  }
  return Object.hasOwn(WORDS, word) ? `here: ${WORDS[word]}` : undefined;
}

/** The hint for a tag that nobody knows: another language's, a typo, or HAProxy's own braces. */
export function tagHint(tag: string): string {
  const known = insteadOf(tag) ?? didYouMean(tag, TAGS);
  const own = `a {% of HAProxy's own, in a log-format for example, ${RAW}`;
  return known === undefined ? own : `${known}; ${own}`;
}

/** The hint for a `{#` that is never closed, or closed by another one's end. */
export const COMMENT_HINT = `a comment ends at the first #}; a {# of HAProxy's own ${RAW}`;

/**
 * The hint for a line that does not parse, where it holds Go's syntax: `{{ .Name }}`, `{{ getv "/key" }}`,
 * `{{ $x := 1 }}`, `{{ range $i, $x := … }}`.
 */
export function goHint(line: string, isFunction: (name: string) => boolean): string | undefined {
  for (const [, inner = ''] of line.matchAll(/\{[{%]-?\s*([^{}]*)/g)) {
    const [, word = '', rest = ''] = /^(\w+)\s*([^}%]*)/.exec(inner) ?? [];
    if (/^(?:&&|\|\||!)|\s(?:&&|\|\|)\s|\s!\w/.test(inner)) {
      return 'here: and, or, not';
    }
    if (/^\$\w+\s*:?=/.test(inner)) {
      return 'here: {% set name = … %}';
    }
    if (/^\.\w/.test(inner)) {
      return 'here: no dot before a name, such as services, vars.name, instance.address; docs/templates.md lists all names';
    }
    if (insteadOf(word) !== undefined && /^[\w".$([]/.test(rest)) {
      return insteadOf(word);
    }
    if (isFunction(word) && /^["'.$\w]/.test(rest)) {
      return `here: ${word}(a, b), with brackets and commas`;
    }
  }
  return undefined;
}
