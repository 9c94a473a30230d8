import { describe, expect, it } from 'vitest';
import { fault, render } from '../support/render.ts';

const tree = {
  '/services/web/a': { host: '10.0.0.1', port: 80, meta: { zone: 'a' } },
  '/services/web/b': '10.0.0.2:80',
  '/haproxy/maxconn': '4096',
};
const vars = { domain: 'example.com', list: ['a', 'b'], map: { one: 1 }, nothing: null };
const first = 'services[0].instances[0]';

describe('a missing field', () => {
  it.each([
    ['an output', '{{ vars.missing }}'],
    ['a condition', '{% if vars.missing %}x{% endif %}'],
    ['a deep condition', '{% if vars.missing.deep %}x{% endif %}'],
    ['an inline condition', '{{ "x" if vars.missing else "y" }}'],
    ['a negation', '{% if not vars.missing %}x{% endif %}'],
    ['a loop', '{% for s in vars.missing %}x{% endfor %}'],
    ['a set', '{% set x = vars.missing %}'],
    ['a concatenation', "{{ 'a' ~ vars.missing }}"],
    ['a sum', '{{ 1 + vars.missing }}'],
    ['a filter', '{{ vars.missing | upper }}'],
    ['the argument of a filter', '{{ "a" | replace("a", vars.missing) }}'],
    ['the argument of a function', '{{ getv(vars.missing) }}'],
    ['the argument of a macro', '{% macro m(a) %}x{% endmacro %}{{ m(vars.missing) }}'],
    ['a comparison', '{% if vars.missing == 1 %}x{% endif %}'],
    ['an order', '{% if vars.missing < 1 %}x{% endif %}'],
    ['a membership', '{% if "x" in vars.missing %}x{% endif %}'],
    ['a list', '{{ [vars.missing] | join }}'],
    ['an object', '{{ {a: vars.missing} | dump }}'],
    ['a switch', '{% switch vars.missing %}{% case "a" %}x{% endswitch %}'],
    ['a test other than defined', '{% if vars.missing is string %}x{% endif %}'],
    ['a capture', '{% set x %}{{ vars.missing }}{% endset %}'],
    ['and', '{% if true and vars.missing %}x{% endif %}'],
    ['or', '{% if false or vars.missing %}x{% endif %}'],
  ])('is an error in %s', async (_, text) => {
    expect(await fault(text, { tree, vars })).toMatch(
      /^template main\.njk, line 1, `vars\.missing`: there is no "missing" here: the object has "domain",/,
    );
  });

  it.each([
    ['a service', '{{ services[0].hots }}', /there is no "hots" here.*\ndid you mean "hosts"\?/],
    ['an instance', `{{ ${first}.prot }}`, /there is no "prot" here.*\ndid you mean "port"\?/],
    ['meta', `{{ ${first}.meta.rack }}`, /there is no "rack" here: the object has "zone"/],
    ['node', '{{ node.name }}', /there is no "name" here/],
    ['haproxy', '{{ haproxy.socket }}', /there is no "socket" here/],
    ['a list', '{{ vars.list[7] }}', /there is no "7" here: a list of 2/],
    ['a text', '{{ vars.domain.foo }}', /there is no "foo" here: the text "example.com"/],
    ['a prototype', '{{ vars.constructor }}', /there is no "constructor" here/],
    ['null', '{{ services[0].check.path }}', /cannot read "path" of null/],
    ['a loop', '{% for s in services %}{{ loop.indx }}{% endfor %}', /`loop.indx`: there is no "indx" here/],
  ])('of %s is an error', async (_, text, message) => {
    expect((await fault(text, { tree, vars })).replaceAll('\n', ' \n')).toMatch(
      new RegExp(message.source, 's'),
    );
  });

  it('may be asked for by "is defined", however deep', async () => {
    const text = '{{ vars.missing is defined }} {{ vars.a.b.c is not defined }} {{ vars.domain is defined }}';
    expect(await render(text, { vars })).toBe('false true true');
  });

  it('may be replaced by default, however deep', async () => {
    const text = [
      '{{ vars.a.b | default("x") }}',
      '{{ vars["a-b"] | d("y") }}',
      `{{ ${first}.meta.rack | default(${first}.meta.zone) }}`,
      '{{ (vars.a) | default(vars.domain) | upper }}',
      '{{ vars.list[7] | default("z") }}',
      '{% if vars.a | default(false) %}no{% endif %}',
    ];
    expect(await render(text.join(' '), { tree, vars })).toBe('x y a EXAMPLE.COM z ');
  });

  it('may be replaced by the functions default and coalesce', async () => {
    expect(await render('{{ default("x", vars.a) }} {{ coalesce(vars.a, vars.b.c, "y") }}', { vars })).toBe(
      'x y',
    );
  });

  it('is a typo where all fields are known, also before default', async () => {
    expect(await fault(`{{ ${first}.wieght | default(100) }}`, { tree })).toContain(
      'there is no "wieght" here',
    );
  });

  it('leaves a default alone that misses something itself', async () => {
    expect(await fault('{{ vars.a | default(vars.b) }}', { vars })).toContain(
      '`vars.b`: there is no "b" here',
    );
  });
});

describe('a null', () => {
  it('is replaced by default: it is how the catalog says "not named"', async () => {
    expect(await render(`{{ ${first}.weight | default(100) }}`, { tree })).toBe('100');
  });
  it('may be tested', async () => {
    expect(await render(`{% if ${first}.maxconn %}x{% else %}y{% endif %}`, { tree })).toBe('y');
  });
  it.each([
    ['an output', '{{ vars.nothing }}', 'null has no text'],
    ['a literal output', '{{ null }}', 'null has no text'],
    ['a concatenation', '{{ "a" ~ vars.nothing }}', 'null has no text'],
    ['a filter', '{{ vars.nothing | upper }}', 'null goes into the filter "upper"'],
    [
      'a loop',
      '{% for a in vars.nothing %}{% endfor %}',
      'a loop runs over a list or an object, not over null',
    ],
    ['an order', '{% if vars.nothing < 5 %}{% endif %}', 'null is no number'],
  ])('is an error in %s', async (_, text, message) => {
    expect(await fault(text, { vars })).toContain(message);
  });
});

describe('a value without a text', () => {
  it.each([
    ['an object', '{{ vars.map }}', 'an object has no text'],
    ['an object in a concatenation', '{{ "a" ~ vars.map }}', 'an object has no text'],
    ['an object in a list', '{{ services | join(" ") }}', 'an object has no text'],
    ['an object made text by a filter', '{{ vars.map | string }}', 'an object has no text'],
    ['an object made text by a method', '{{ [vars.map].join(" ") }}', 'an object became text'],
    ['a list', '{{ vars.list }}', 'a list of 2 has no text'],
    ['a function', '{{ getv }}', 'a function has no text'],
    ['a service', '{{ service("web") }}', 'an object has no text'],
    ['undefined of a filter', '{{ [] | first }}', 'gives nothing'],
    ['undefined of a filter, set', '{% set x = [] | last %}', 'gives nothing'],
    ['undefined of a method', '{% set x = vars.list.pop %}{{ [].pop() }}', 'gives nothing'],
    ['NaN of a sum', '{{ "a" * 2 }}', 'the text "a" is no number'],
    ['NaN of a filter', '{{ "a" | int }}', 'gives nothing'],
    ['NaN of a filter that rounds', '{{ "a" | round }}', 'gives no number'],
    ['infinity', '{{ 1 / 0 }}', 'there is no result for the number 1 and the number 0'],
  ])('is an error: %s', async (_, text, message) => {
    expect(await fault(text, { tree, vars })).toContain(message);
  });
});

describe('a loop', () => {
  it.each([
    ['a text', '{% for a in vars.domain %}{% endfor %}', 'not over the text "example.com"'],
    ['a number', '{% for a in 5 %}{% endfor %}', 'not over the number 5'],
    [
      'an object with one name',
      '{% for a in vars.map %}{% endfor %}',
      'a loop over an object takes two names',
    ],
    ['pairs that are none', '{% for a, b in vars.list %}{% endfor %}', 'not every item is a list of 2'],
  ])('over %s is an error, not silence', async (_, text, message) => {
    expect(await fault(text, { vars })).toContain(message);
  });
  it('over an object gives its fields', async () => {
    expect(
      await render('{% for k, v in vars.map %}{{ k }}={{ v }}{{ loop.last }}{% endfor %}', { vars }),
    ).toBe('one=1true');
  });
  it('over nothing takes its else', async () => {
    expect(await render('{% for s in services %}x{% else %}none{% endfor %}')).toBe('none');
  });
});

describe('a macro', () => {
  const macro = '{% macro m(a, b="x") %}{{ a }}{{ b }}{% endmacro %}';
  it.each([
    ['without an argument that it uses', '{{ m() }}', '`a`: has no value here'],
    ['with an argument that it does not know', '{{ m(1, c=2) }}', 'the macro has no argument "c"'],
    ['with too many arguments', '{{ m(1, 2, 3) }}', 'the macro takes 2 arguments, not 3'],
  ])('called %s is an error', async (_, call, message) => {
    expect(await fault(macro + call)).toContain(message);
  });
  it('may leave out what it only asks for', async () => {
    const text =
      '{% macro m(a) %}{{ a | default("none") }}{{ a is defined }}{% endmacro %}{{ m() }} {{ m(1) }}';
    expect(await render(text)).toBe('nonefalse 1true');
  });
});
