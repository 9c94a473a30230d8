import { describe, expect, it } from 'vitest';
import { compile, fault, inputOf, render } from '../support/render.ts';

const tree = {
  '/services/web/b': '10.0.0.2:80',
  '/services/web/a': { host: '10.0.0.1', port: 80, weight: 0, meta: { canary: true } },
  '/services/db/a': '[::1]:5432',
  '/routes/web': { hosts: ['web.example.com'], paths: ['/api'] },
  '/haproxy/maxconn': '4096',
};

describe('the text', () => {
  it('is exactly the template: final newline or none, CRLF, blanks', async () => {
    for (const text of ['', '\n', 'a', 'a\n\n', 'a\r\nb\r\n', ' \t a \u2028 \u0000 \\ "\' `$1`\n']) {
      expect(await render(text)).toBe(text);
    }
  });
  it('loses the lines and blanks of tags that stand alone', async () => {
    expect(await render('a\n  {% if true %}\n  b\n  {% endif %}\nc\n')).toBe('a\n  b\nc\n');
  });
  it('is the same for the same input, also from a template compiled anew', async () => {
    const text =
      '{% for s in services %}{{ s | dump }}\n{% endfor %}{{ gets("/*/*") | dump }}{{ node | dump }}';
    const template = compile(text);
    const once = await template.render(inputOf({ tree }));
    expect(await template.render(inputOf({ tree }))).toBe(once);
    expect(await compile(text).render(inputOf({ tree }))).toBe(once);
  });
});

describe('the context', () => {
  it.each([
    ['services, sorted', '{% for s in services %}{{ s.name }} {% endfor %}', 'db web '],
    [
      'instances, sorted',
      '{% for i in service("web").instances %}{{ i.id }}={{ i.address }} {% endfor %}',
      'a=10.0.0.1:80 b=10.0.0.2:80 ',
    ],
    [
      'routes',
      '{% for r in routes %}{{ r.service }} {{ r.host }} {{ r.path | default("-") }}|{% endfor %}',
      'db db -|web web.example.com /api|',
    ],
    [
      'node',
      '{{ node.hostname }} {{ hostname() }} {{ node.env.ZONE }} {{ getenv("ZONE") }}',
      'host-1 host-1 a a',
    ],
    ['haproxy', '{{ haproxy.version }} {{ haproxy.statsSocket }}', '2.6.12 /run/haproxy/stats.sock'],
    ['vars', '{{ vars.a.b[0] }}', '1'],
    [
      "nunjucks' own functions",
      '{% for i in range(3) %}{{ i }}{% endfor %}{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{% set j = joiner(",") %}{{ j() }}{{ j() }}',
      '012ab,',
    ],
    [
      'a service named like the function',
      '{% for service in services %}{{ service.name }}{% endfor %}',
      'dbweb',
    ],
    [
      'services by attribute',
      '{{ service("web").instances | selectattr("meta.canary") | join(",", "id") }} {{ service("web").instances | rejectattr("meta.canary") | join(",", "id") }}',
      'a b',
    ],
    ['server ids', '{{ (service("web").instances | serverIds).a is number }}', 'true'],
  ])('has %s', async (_, text, expected) => {
    expect(await render(text, { tree, vars: { a: { b: [1] } } })).toBe(expected);
  });

  it.each([
    ['a service that is not there', '{{ service("wbe").name }}', 'there is no service "wbe"\nnear it: web'],
    [
      'a variable that is not listed',
      '{{ getenv("HOME") }}',
      'the environment variable HOME is not there\nlist its name under node.env',
    ],
    [
      'an attribute that nothing has',
      '{{ services | selectattr("canary") | length }}',
      'an item has no "canary"',
    ],
    ['an attribute in a group', '{{ services | groupby("kind") | dump }}', 'an item has no "kind"'],
    [
      'an attribute in a sort',
      '{{ services | sort(false, false, "kind") | dump }}',
      'attribute "kind" resolved to undefined',
    ],
  ])('says clearly: %s', async (_, text, message) => {
    expect(await fault(text, { tree })).toContain(message);
  });

  it('cannot be changed by a template', async () => {
    expect(await fault('{{ services.push(1) }}', { tree })).toContain('not extensible');
    expect(await fault('{{ service("web").instances.reverse() | length }}', { tree })).toContain('read only');
    expect(await fault('{{ vars.a.push(1) }}', { vars: { a: [] } })).toContain('not extensible');
  });

  it('leads neither to the machine nor to the language', async () => {
    for (const text of [
      '{{ "".constructor }}',
      '{{ [].constructor }}',
      '{{ vars.__proto__ }}',
      '{{ getv.constructor }}',
      '{{ (5).constructor }}',
      '{{ "a".localeCompare("b") }}',
      '{{ (5).toLocaleString() }}',
    ]) {
      expect(await fault(text)).toMatch(
        /there is no "(constructor|__proto__|localeCompare|toLocaleString)" here/,
      );
    }
  });
});

describe('expressions', () => {
  it.each([
    ['{{ not 1 == 2 }}', 'true'],
    ['{{ not (1 == 1) }}', 'false'],
    ['{{ not "a" in ["a"] }}', 'false'],
    ['{{ "b" not in ["a"] }}', 'true'],
    ['{{ "ell" in "hello" }}', 'true'],
    ['{{ "a" in {a: 1} }} {{ "constructor" in {a: 1} }}', 'true false'],
    ['{{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 3 }} {{ 7 / 2 }} {{ -3 + 5 }} {{ 1 - -1 }}', '3 1 8 3.5 2 2'],
    ['{{ "4096" * 2 }} {{ "a" + 1 }} {{ 1 + 2 }} {{ "a" ~ 1 ~ true }}', '8192 a1 3 a1true'],
    ['{{ 1 < 2 and 2 >= 2 and "a" < "b" }}', 'true'],
    ['{{ "x" if 1 != 1 else "y" }}{{ "z" if false }}', 'y'],
    ['{{ 5 is divisibleby(5) and 4 is even and null is none }}', 'true'],
    ['{{ {"a-b": [1, {c: "d"}]}["a-b"][1].c }}', 'd'],
    ['{{ "a,b".split(",") | last }} {{ "abc".length }} {{ [1,2].length }} {{ "abc".slice(1) }}', 'b 3 2 bc'],
    ['{{ "x" | replace("x", "y") | upper }} {{ ["b","a"] | sort | join("") }} {{ [3,1] | sum }}', 'Y ab 4'],
    ['{{ "ab" | batch(1) | dump }}', '[["a"],["b"]]'],
    ['{{ [1, 2] | first }}{{ "a  b" | wordcount }}{{ 1.5 | round }}{{ "5" | int + 1 }}', '1226'],
    ['{{ {a: 1} | dump }} {{ "a" | default("b") }} {{ "" | default("b", true) }}', '{"a":1} a b'],
    ['{% switch node.hostname %}{% case "a" %}A{% case "host-1" %}H{% default %}D{% endswitch %}', 'H'],
    ['{{ r/^a+$/.test("aaa") }}', 'true'],
    ['{% filter upper %}a{{ 1 }}b{% endfilter %}', 'A1B'],
    ['{% if false %}a{% elif 1 == 1 %}b{% else %}c{% endif %}', 'b'],
    [
      '{% macro m(x) %}<{{ caller(x, 2) }}>{% endmacro %}{% call(a, b) m(1) %}{{ a + b }}{% endcall %}',
      '<3>',
    ],
    [
      '{% macro m() %}x{% endmacro %}{{ m() == "x" }}{{ m() ~ m() }}{{ m() | upper }}{{ [m()] | join }}',
      'truexxXx',
    ],
    ['{% set a, b = 1 %}{{ a }}{{ b }}', '11'],
    ['{%- if true -%} a {%- endif -%} b', 'ab'],
    ['{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{{ loop.revindex }}{% endfor %}', '122341'],
  ])('%s', async (text, expected) => {
    expect(await render(text)).toBe(expected);
  });
});

describe('files', () => {
  it('are included from anywhere in the folder, with the variables around', async () => {
    const files = {
      'parts/a.njk': '{% include "./b.njk" %}{% include "parts/b.njk" %}{% include "../c.njk" %}',
      'parts/b.njk': '[{{ s.name }}{{ x }}{{ loop.index }}]',
      'c.njk': '({{ k }})',
    };
    const text =
      '{% set x = 1 %}{% for k, v in {q: 2} %}{% for s in services %}{% include "parts/a.njk" %}{% endfor %}{% endfor %}';
    expect(await render(text, { tree, files })).toBe('[db11][db11](q)[web12][web12](q)');
  });

  it('are included inside of macros, captures, calls and loops alike', async () => {
    const files = { 'a.njk': '<{{ x }}>' };
    const text =
      '{% macro m(x) %}{% include "a.njk" %}{{ caller() }}{% endmacro %}' +
      '{% set y %}{% call m(1) %}{% set x = 2 %}{% include "a.njk" %}{% endcall %}{% endset %}{{ y }}{{ y | length }}';
    expect(await render(text, { files })).toBe('<1><2>6');
  });

  it('may be missing where that is said', async () => {
    expect(await render('a{% include "none.njk" ignore missing %}b')).toBe('ab');
    expect(await render('a{% include vars.x ignore missing %}b', { vars: { x: 'none' } })).toBe('ab');
  });

  it('are named by expressions', async () => {
    const files = { 'a.njk': 'A', 'b.njk': 'B' };
    const text = '{% include "a.njk" if vars.x else "b.njk" %}{% include vars.y ~ ".njk" %}';
    expect(await render(text, { files, vars: { x: false, y: 'a' } })).toBe('BA');
  });

  it('see services, vars and functions when they are imported, and more with context', async () => {
    const files = {
      'm.njk':
        '{% set limit = vars.limit %}{% macro count(s) %}{{ s.name }}{{ service("web").instances.length }}{{ atoi("1") }}{% endmacro %}',
      'c.njk': '{% macro outer() %}{{ outside }}{% endmacro %}',
    };
    const text =
      '{% set outside = "o" %}{% import "m.njk" as m %}{% from "m.njk" import count as c, limit %}' +
      '{% import "c.njk" as ctx with context %}{{ m.count(services[0]) }} {{ c(services[1]) }} {{ limit }}{{ m.limit }} {{ ctx.outer() }}';
    expect(await render(text, { tree, files, vars: { limit: 9 } })).toBe('db21 web21 99 o');
  });

  it('do not see the variables of an import without context', async () => {
    const files = { 'c.njk': '{% macro outer() %}{{ outside }}{% endmacro %}' };
    expect(await fault('{% set outside = 1 %}{% import "c.njk" as c %}', { files })).toContain(
      'template c.njk, line 1: there is no "outside"',
    );
  });

  it('are extended over several levels, with super', async () => {
    const files = {
      'base.njk':
        '{% set port = 80 %}a\n{% block one %}\none {{ port }}\n{% block inner %}i\n{% endblock %}{% endblock %}\n{% for s in services %}{% block two %}{{ s.name }}\n{% endblock %}{% endfor %}',
      'middle.njk': '{% extends "./base.njk" %}ignored{% block one %}<{{ super() }}>\n{% endblock %}',
    };
    const text =
      '{% extends "middle.njk" %}\n{% set mine = "m" %}{% block two %}{{ mine }}{{ super() }}{% endblock %}\n{% block inner %}I\n{% endblock %}';
    expect(await render(text, { tree, files })).toBe('a\n<one 80\nI\n>\nmdb\nmweb\n');
  });
});

describe("nunjucks' pitfalls", () => {
  it('set in a loop changes a variable from outside', async () => {
    expect(
      await render('{% set n = 0 %}{% for s in services %}{% set n = n + 1 %}{% endfor %}{{ n }}', { tree }),
    ).toBe('2');
  });
  it('a literal tag sign needs raw or a text, a log-format does not', async () => {
    expect(await render('log-format "%ci %[src] %{+Q}o"\n{% raw %}{% {# {{{% endraw %}{{ "{%" }}')).toBe(
      'log-format "%ci %[src] %{+Q}o"\n{% {# {{{%',
    );
  });
});

describe('a file that begins with {# trim: false #}', () => {
  it.each([
    ['a\n  {% if true %}\n  b\n  {% endif %}\nc\n', 'a\n  \n  b\n  \nc\n'],
    ['{% if true %}\na\n{% endif %}', '\na\n'],
    ['\n{{ 1 }}', '\n1'],
    ['', ''],
    ['a {%- if true -%}\n b{% endif %}\r\n', 'ab\r\n'],
  ])('keeps every blank and line end: %j', async (text, expected) => {
    expect(await render(`{# trim: false #}\n${text}`)).toBe(expected);
    expect(await render(`{# trim: false; why #}\r\n${text}`)).toBe(expected);
  });

  it('is one file: those that it includes are read as always, and errors name their lines', async () => {
    const files = { 'part.njk': '{% if true %}\nb\n{% endif %}\n' };
    expect(await render('{# trim: false #}\na\n{% include "part.njk" %}\nc', { files })).toBe('a\nb\n\nc');
    expect(await fault('{# trim: false #}\n\n{{ nope }}')).toContain('main.njk, line 3');
  });

  it('says so in its first line only', async () => {
    expect(await render('a\n{# trim: false #}\n{% if true %}\nb{% endif %}')).toBe('a\n\nb');
  });
});
