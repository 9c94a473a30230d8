import { describe, expect, it } from 'vitest';
import { UNTRANSLATED_FUNCTIONS } from '../../src/migrate/translate/functions.ts';
import { translateTemplate } from '../../src/migrate/translate/translate-template.ts';
import { confdTemplates, renderWithKeys } from './confd-templates.ts';

const translate = (text: string, prefix = '/') => translateTemplate({ file: 't.tmpl', text, prefix });
/** What a template prints here, or what is said where it fails. */
const printed = (text: string, prefix = '/') =>
  renderWithKeys(translate(text, prefix).text).catch((error: Error) => error.message);

describe('a template of confd', () => {
  const all = confdTemplates();

  it('is there in 30 shapes and more', () => {
    expect(all.length).toBeGreaterThanOrEqual(30);
  });

  it.each(all.map((one) => [one.file, one] as const))(
    '%s prints what it did, to the byte',
    async (_, one) => {
      const { text, notes } = translateTemplate(one);
      expect(notes).toEqual([]);
      expect(await renderWithKeys(text)).toBe(one.expected);
    },
  );
});

describe('the text that it becomes', () => {
  it.each([
    [
      '{{range gets "/s/*"}}{{base .Key}} {{.Value}}{{end}}',
      '{% for pair in gets("/s/*") %}{{ base(pair.key) }} {{ pair.value }}{% endfor %}',
    ],
    [
      '{{range $i, $s := lsdir "/s"}}{{$i}}{{end}}',
      '{% for s in lsdir("/s") %}{% set i = loop.index0 %}{{ i }}{% endfor %}',
    ],
    [
      '{{range ls "/a"}}{{.}}{{end}}{{range ls "/b"}}{{.}}{{end}}',
      '{% for name in ls("/a") %}{{ name }}{% endfor %}{% for name in ls("/b") %}{{ name }}{% endfor %}',
    ],
    ['{{printf "/s/%s/port" "web" | getv}}', '{{ getv("/s/web/port") }}'],
    ['{{getenv "A"}}', '{{ getenv("A", "") }}'],
    [
      '{{if exists "/a"}}b{{else if eq (getv "/c") "d"}}e{{else}}f{{end}}',
      '{% if exists("/a") %}b{% elif getv("/c") == "d" %}e{% else %}f{% endif %}',
    ],
    ['{{if ls "/a"}}b{{end}}', '{% if go.truthy(ls("/a")) %}b{% endif %}'],
    [
      '{{$services := 1}}{{$base := $services}}{{$base}}',
      '{% set services = 1 %}{% set base_2 = services %}{{ base_2 }}',
    ],
    [
      '{{$d := json (getv "/a")}}{{$d.b}}{{if $d.c}}{{index $d "x-y"}}{{end}}',
      '{% set d = go.json(getv("/a")) %}{{ go.text(d.b) }}{% if go.truthy(d.c) %}{{ go.text(d["x-y"]) }}{% endif %}',
    ],
    ['a {{- 1 -}} \n b', 'a {{- 1 -}} \n b'],
    [
      '{{define "a b"}}{{.}}{{end}}{{template "a b" 1}}',
      '{% macro a_b(dot) %}{{ dot }}{% endmacro %}{{ a_b(1) }}',
    ],
    ['{{template "a"}}{{define "a"}}b{{end}}', '{% macro a() %}b{% endmacro %}{#\n#}{{ a() }}'],
    ['{{/* a */}}', '{# a #}'],
  ])('%s', (go, nunjucks) => {
    const { text, notes } = translate(go);
    expect(text).toBe(`{# trim: false; t.tmpl of confd, by pointsman migrate #}\n${nunjucks}`);
    expect(notes).toEqual([]);
  });

  it('takes keys below the prefix of its resource', async () => {
    const { text } = translate('{{getv "/maxconn"}}', '/production');
    expect(text).toContain('{% set store = storeBelow("/production") %}');
    expect(text).toContain('{{ store.getv("/maxconn") }}');
    expect(await printed('{{getv "/maxconn"}}', '/production')).toBe('2000');
  });

  it('names the variables of the environment that it reads', () => {
    expect(translate('{{getenv "B"}}{{getenv "A" "x"}}{{getenv "A"}}').environment).toEqual(['A', 'B']);
  });
});

describe('what has no translation fails when it is rendered, with its place and what it was', () => {
  it.each(Object.entries(UNTRANSLATED_FUNCTIONS))('%s', async (name, reason) => {
    const go = `a\n{{if ${name} "x"}}b{{end}}`;
    expect(translate(go).notes).toEqual([
      {
        file: 't.tmpl',
        line: 2,
        column: 1,
        kind: 'untranslated',
        original: `{{if ${name} "x"}}`,
        text: reason,
      },
    ]);
    expect(await printed(go)).toContain(`t.tmpl:2: {{if ${name} "x"}} is not translated: ${reason}`);
  });

  it.each([
    ['{{nosuch 1}}', 'confd has no function nosuch'],
    ['{{(get "/config/mode").Name}}', 'a key has no .Name'],
    ['{{"\\xff"}}', 'it holds bytes that are no text'],
    ['{{2i}}', 'the number 2i has no equal here'],
    ['{{template "none"}}', 'there is no template "none" in this file'],
    ['{{datetime.Unix}}', 'it would make every rendering differ'],
    ['{{"a" 1}}', 'only a function takes arguments'],
    ['{{$x = 1}}', 'there is no variable $x here'],
    ['{{range $x := lookupIP "a"}}{{$x}}{{end}}', 'it would differ from host to host'],
    ['{{if}}', 'it is no Go template: a value for if is missing'],
    ['{{"a\n"}}', 'it is no Go template: a text in quotes does not end on its line'],
  ])('%s', async (go, reason) => {
    expect(
      translate(go)
        .notes.map((note) => note.text)
        .join(),
    ).toContain(reason);
    expect(await printed(go)).toContain(reason);
  });

  it('only where it is reached', async () => {
    expect(await printed('a{{if false}}{{lookupIP "x"}}{{end}}b')).toBe('ab');
  });
});

describe('what Go refuses to print fails here too', () => {
  it.each([
    ['{{eq "1" 1}}', 'Go does not compare the text "1" with the number 1'],
    [
      '{{$d := json (getv "/json/web")}}{{eq $d.port 8080}}',
      'Go does not compare the number 8080 with the number 8080',
    ],
    ['{{index (ls "/services") 7}}', 'there is no "7" here: a list of 2'],
    ['{{index "abc" 7}}', 'there is no index 7: 0 to 2 are there'],
    ['{{len 3}}', 'len takes a text, a list or a map, not the number 3'],
    ['{{range $x := "abc"}}{{end}}', 'range runs over a list or a map, not over the text "abc"'],
    ['{{getv "/none"}}', 'there is no key "/none"'],
    ['{{$d := json (getv "/json/web")}}{{base $d.missing}}', 'there is no "missing" here'],
    ['{{json "[]"}}', 'the JSON must be an object, not a list of 0'],
    ['{{json "{"}}', 'is not JSON'],
    ['{{slice "abc" 2 1}}', 'slice from 2 to 1: the end comes first'],
    ['{{add "1" 2}}', 'the first must be a whole number'],
    ['{{printf "%*d" 3 4}}', '* and [n] of "%*d" are not known'],
  ])('%s', async (go, found) => {
    expect(await printed(go)).toContain(found);
  });
});

describe("the functions of confd's living fork", () => {
  it.each([
    [
      '{{default "a" ""}} {{default "a" "b"}} {{coalesce "" 0 "c"}} {{ternary "y" "n" (eq 1 1)}} {{empty ""}} {{empty 1}}',
      'a b c y true false',
    ],
    ['{{toJson (dict "b" 1 "a" (list "<" nil true 1.5))}}', '{"a":["\\u003c",null,true,1.5],"b":1}'],
    ['{{toPrettyJson (dict "b" 1 "a" (list "x"))}}', '{\n  "a": [\n    "x"\n  ],\n  "b": 1\n}'],
    ['{{fromJson "5"}} {{(fromJson (getv "/json/web")).limit}}', '5 1e+06'],
    ['{{indent 2 "a\\nb"}}|{{nindent 2 "a"}}|{{indent 2 ""}}', '  a\n  b|\n  a|'],
    ['{{quote "a b"}} {{squote "a"}} {{repeat 3 "ab"}} {{nospace " a b\\t"}}', '"a b" \'a\' ababab ab'],
    [
      '{{snakecase "HTTPServer"}} {{camelcase "hello_world-x"}} {{kebabcase "fooBar baz"}}',
      'http_server helloWorldX foo-bar-baz',
    ],
    [
      '{{trimPrefix "abc" "a"}} {{regexMatch "^a" "abc"}} {{regexFind "[0-9]+" "a12"}} {{regexReplaceAll "a(.)" "abac" "<$1>"}}',
      'bc true 12 <b><c>',
    ],
    [
      '{{hasKey (dict "a" 1) "a"}} {{keys (dict "b" 1 "a" 2)}} {{values (dict "b" 1 "a" 2)}} {{append (list 1) 2}} {{pluck "a" (dict "a" 1) (dict "b" 2)}}',
      'true [a b] [2 1] [1 2] [1]',
    ],
    ['{{sha256sum "hello" | printf "%.8s"}} {{hostname}}', '2cf24dba host-1'],
    [
      '{{sortByLength (split "ccc,a,bb" ",")}} {{range sortKVByLength (gets "/acl/*")}}{{base .Key}} {{end}}',
      '[a bb ccc] admin static ',
    ],
  ])('%s', async (go, expected) => {
    expect(await printed(go)).toBe(expected);
  });
});
