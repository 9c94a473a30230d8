import { describe, expect, it } from 'vitest';
import { fault, render } from '../support/render.ts';

describe("another language's word is told what to write here", () => {
  it.each([
    ['{{ printf "%s-%s" a b }}', 'a" ~ b ~ "c'],
    ['{{ printf("%s", 1) }}', 'a" ~ b ~ "c'],
    ['{{ len services }}', 'x | length'],
    ['{{ len(services) }}', 'x | length'],
    ['{{ services | len }}', 'x | length'],
    ['{{ index services 0 }}', 'list[0]'],
    ['{{ index(services, 0) }}', 'list[0]'],
    ['{{ if eq .a .b }}x{{ end }}', '{% if a %}'],
    ['{{ eq(1, 2) }}', 'a == b'],
    ['{% if services == nil %}{% endif %}', 'none'],
    ['{% if x == nil %}{% endif %}', 'none'],
    ['{{ nil }}', 'none'],
    ['{% for s in services %}{{ forloop.counter }}{% endfor %}', 'loop.index'],
    ['{{ range .services }}x{{ end }}', '{% endfor %}'],
    ['{{ range gets "/x/*" }}', '{% for x in list %}'],
    ['{% range services %}', '{% for x in list %}'],
    ['{% for k, v := range services %}{% endfor %}', '{% for x in list %}'],
    ['{{ else }}', '{% else %}'],
    ['{% end %}', '{% endif %} or {% endfor %}'],
    ['{{ .Foo.Bar }}', 'no dot before a name'],
    ['{{ $x := 1 }}', '{% set name = … %}'],
    ['{{ $x }}', 'no $ before a name'],
    ['{{ getv "/a" }}', 'getv(a, b)'],
    ['{% if services && vars %}{% endif %}', 'and, or, not'],
    ['{% if !vars %}{% endif %}', 'and, or, not'],
    ['{% assign x = 1 %}', '{% set x = … %}'],
    ['{% unless x %}{% endunless %}', '{% endif %}'],
    ['{{ "a" | split(",") }}', 'it is a function here: split(…)'],
    ['{{ sort(services) }}', 'it is a filter here: x | sort'],
  ])('%s', async (text, hint) => {
    const [found, told] = (await fault(`\n${text}`))
      .split('\nhere: ')
      .flatMap((part) => part.split('\nit is '));
    expect(found).toMatch(/^template main\.njk, line 2: /);
    expect(`it is ${told}`).toContain(hint);
  });
});

describe("HAProxy's own braces", () => {
  it.each([
    ['  log-format "%{%hrl}"\n', 2, 'unknown block tag: hrl'],
    ['  http-request deny if { path_beg /{%x} }\n', 2, 'unknown block tag: x'],
    ['  log-format "%{#a}"\n{% if services %}\n', 2, 'a {# begins a comment that never ends'],
    ['  log-format "%{#a}"\n  lost\n{# a comment #}\n', 2, 'the comment that begins here holds another {#'],
  ])('get a hint at raw: %s', async (text, line, found) => {
    const told = await fault(`{# fine #}\n${text}`);
    expect(told).toContain(`template main.njk, line ${line}: ${found}`);
    expect(told).toContain('stands in {% raw %} … {% endraw %}');
  });

  it('are text inside of raw, comments and all', async () => {
    const text =
      '{% raw %}%{#a} {#b {%hrl} {{ x }}{% endraw %}{# c #}|{% verbatim %}{# {# #}{% endverbatim %}';
    expect(await render(text)).toBe('%{#a} {#b {%hrl} {{ x }}|{# {# #}');
  });
});
