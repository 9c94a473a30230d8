import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GoNode } from '../../../src/migrate/go-template/nodes.ts';
import { parseGoTemplate } from '../../../src/migrate/go-template/parse.ts';
import { GoSyntaxError } from '../../../src/migrate/go-template/syntax-error.ts';

const parse = (text: string) => parseGoTemplate('t.tmpl', text);

/** Nodes in short: what they are and hold, without places. */
function short(nodes: readonly GoNode[]): unknown {
  return JSON.parse(
    JSON.stringify(nodes, (key, value) => {
      if (['place', 'tag', 'end', 'source'].includes(key)) {
        return undefined;
      }
      return typeof value === 'bigint' ? Number(value) : value;
    }),
  );
}

/** The operands of the only command of the only action. */
function operands(text: string): readonly unknown[] {
  const [node] = parse(text);
  return node?.kind === 'action' ? [...(node.pipe.commands[0]?.operands ?? [])] : [];
}

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return error instanceof GoSyntaxError ? error.message : `not expected: ${String(error)}`;
  }
  return 'it parses';
}

describe('text', () => {
  it.each([
    ['a {{.}} b', ['a ', ' b']],
    ['a {{- .}} b', ['a', ' b']],
    ['a {{. -}}\n\t b', ['a ', 'b']],
    ['a\n{{- /* c */ -}}\nb', ['a', 'b']],
    ['a {{-3}} b', ['a ', ' b']],
    ['\u00a0{{- . -}}\u00a0', ['\u00a0', '\u00a0']],
    ['%{+Q}o } }} {', ['%{+Q}o } }} {']],
  ])('is what Go prints of %j', (text, expected) => {
    expect(parse(text).flatMap((node) => (node.kind === 'text' ? [node.text] : []))).toEqual(expected);
  });

  it('keeps what was trimmed beside it', () => {
    expect(parse('a \n {{- 1 -}} \n b').filter((node) => node.kind === 'text')).toMatchObject([
      { text: 'a', source: 'a \n ' },
      { text: 'b', source: ' \n b' },
    ]);
  });
});

describe('constants', () => {
  it.each([
    ['1', 1n, false],
    ['-3', -3n, false],
    ['+3', 3n, false],
    ['1_000', 1000n, false],
    ['0x1F', 31n, false],
    ['0b11', 3n, false],
    ['0o17', 15n, false],
    ['017', 15n, false],
    ['1e3', 1000n, true],
    ['0x1p4', 16n, true],
    ['1.5', null, true],
    ['.5', null, true],
    ["'a'", 97n, false],
    ["'\\n'", 10n, false],
    ["'\\''", 39n, false],
    ["'ü'", 252n, false],
    ["'\\xff'", 255n, false],
    ['18446744073709551615', 18446744073709551615n, false],
  ])('number %s', (source, integer, isFloat) => {
    expect(operands(`{{${source}}}`)).toMatchObject([{ kind: 'number', source, integer, isFloat }]);
  });

  it.each(['1i', '1+2i', '-1.5e3-2e-1i', '01i'])('imaginary %s is a number that is neither', (source) => {
    expect(operands(`{{${source}}}`)).toMatchObject([{ kind: 'number', integer: null, float: null }]);
  });

  it.each([
    ['"a\\tb\\"\\\\"', 'a\tb"\\'],
    ['"\\u00e9\\U0001F600\\101\\x41"', 'é😀AA'],
    ['"\\xc3\\xa9"', 'é'],
    ['`a\\n"{{`', 'a\\n"{{'],
    ['`a\r\nb`', 'a\nb'],
  ])('text %s', (source, value) => {
    expect(operands(`{{${source}}}`)).toMatchObject([{ kind: 'string', value, isText: true }]);
  });

  it('bytes that are no text are said to be none', () => {
    expect(operands('{{"\\xff"}}')).toMatchObject([{ kind: 'string', isText: false }]);
  });

  it('nil, booleans, fields and variables', () => {
    expect(operands('{{f nil true . .a.b $ $.c}}')).toMatchObject([
      { kind: 'function', name: 'f' },
      { kind: 'nil' },
      { kind: 'bool', value: true },
      { kind: 'dot' },
      { kind: 'field', fields: ['a', 'b'] },
      { kind: 'variable', name: '$', fields: [] },
      { kind: 'variable', name: '$', fields: ['c'] },
    ]);
  });
});

describe('tags', () => {
  it('pipelines, brackets and chains', () => {
    expect(short(parse('{{(index .a 1).b | printf "%s" | f}}'))).toMatchObject([
      {
        pipe: {
          commands: [
            { operands: [{ kind: 'chain', of: { kind: 'pipe' }, fields: ['b'] }] },
            { operands: [{ name: 'printf' }, { value: '%s' }] },
            { operands: [{ name: 'f' }] },
          ],
        },
      },
    ]);
  });

  it('declarations and assignments', () => {
    expect(short(parse('{{$x := 1}}{{$x = 2}}{{range $i, $v := .}}{{$i}}{{end}}'))).toMatchObject([
      { pipe: { variables: [{ name: '$x' }], isAssignment: false } },
      { pipe: { variables: [{ name: '$x' }], isAssignment: true } },
      { kind: 'range', pipe: { variables: [{ name: '$i' }, { name: '$v' }] } },
    ]);
  });

  it('else if and else with are one node inside of else', () => {
    expect(
      short(parse('{{if 1}}a{{else if 2}}b{{else}}c{{end}}{{with 1}}{{else with 2}}d{{end}}')),
    ).toMatchObject([
      {
        kind: 'if',
        otherwise: {
          isChained: true,
          body: [{ kind: 'if', otherwise: { isChained: false, body: [{ text: 'c' }] } }],
        },
      },
      { kind: 'with', otherwise: { isChained: true, body: [{ kind: 'with', body: [{ text: 'd' }] }] } },
    ]);
  });

  it('define, template, block, break, continue, comments', () => {
    const text =
      '{{define "a"}}x{{end}}{{template "a"}}{{template "a" .}}{{block "b" 1}}y{{end}}{{range .}}{{break}}{{continue}}{{end}}{{/* z */}}';
    expect(parse(text).map((node) => node.kind)).toEqual([
      'define',
      'template',
      'template',
      'block',
      'range',
      'comment',
    ]);
  });

  it('line ends inside of a tag are blanks', () => {
    expect(operands('{{f\n  "a"\r\n  1}}')).toHaveLength(3);
  });

  it('places count lines and columns from 1', () => {
    const [, node] = parse('ab\n  {{if eq .x "y"}}{{end}}');
    expect(node).toMatchObject({
      tag: { place: { line: 2, column: 3, offset: 5 }, source: '{{if eq .x "y"}}' },
      pipe: { commands: [{ operands: [{ place: { line: 2, column: 8 } }, { place: { column: 11 } }, {}] }] },
      end: { source: '{{end}}' },
    });
  });
});

describe('what Go refuses is refused, with its place', () => {
  it.each([
    ['{{.x', 'line 1, column 1: the tag is not closed: }} is missing'],
    ['a\n{{if .x}}b', 'line 2, column 1: {{if}} is never closed: {{end}} is missing'],
    ['{{end}}', 'line 1, column 1: {{end}} belongs to nothing that is open'],
    ['{{if 1}}{{else}}{{else}}{{end}}', 'line 1, column 17: a second {{else}}: {{end}} is expected'],
    ['{{if 1}}{{else with 2}}{{end}}', 'line 1, column 9: {{else with}} does not go with {{if}}'],
    ['{{if}}{{end}}', 'line 1, column 5: a value for if is missing'],
    ['{{ $x }}', 'line 1, column 4: there is no variable $x here'],
    ['{{if $x := 1}}{{end}}{{$x}}', 'line 1, column 24: there is no variable $x here'],
    ['{{break}}', 'line 1, column 3: {{break}} stands outside of {{range}}'],
    ['{{range .}}{{define "a"}}{{end}}{{end}}', 'line 1, column 14: {{define}} stands inside of another tag'],
    ['{{define "a"}}1{{end}}{{define "a"}}2{{end}}', 'line 1, column 23: the template "a" is defined twice'],
    ['{{(1}}', 'line 1, column 5: a bracket is not closed'],
    ['{{1)}}', 'line 1, column 4: a ) closes nothing'],
    ['{{1 | 2}}', 'line 1, column 7: behind a | comes a function, a field or a variable'],
    ['{{"a\n"}}', 'line 1, column 3: a text in quotes does not end on its line'],
    ['{{`a}}', 'line 1, column 3: a text between backquotes does not end'],
    ['{{"\\q"}}', 'line 1, column 3: "\\\\q" is no escape of Go\'s'],
    ["{{'ab'}}", "line 1, column 3: 'ab' is not one character"],
    ['{{1x}}', 'line 1, column 3: "1x" is no number'],
    ['{{0x}}', 'line 1, column 3: "0x" is no number'],
    ['{{089}}', 'line 1, column 3: "089" is no number'],
    ['{{99999999999999999999}}', 'line 1, column 3: the number 99999999999999999999 is too large'],
    ['{{/* a }}', 'line 1, column 1: the comment is not closed: */ is missing'],
    ['{{/* a */ .}}', 'line 1, column 10: behind the */ of a comment comes }} at once'],
    ['{{$x, $y := 1}}', 'line 1, column 3: too many variables for command'],
    ['{{template .x}}', 'line 1, column 12: ".x" is not expected in {{template}}'],
    ['{{"a".b}}', 'line 1, column 6: .b follows what has no fields'],
    ['{{a-b}}', 'line 1, column 4: the character "-" may not follow a name at once'],
    ['{{ü…}}', 'line 1, column 4: the character "…" may not follow a name at once'],
    ['{{:}}', 'line 1, column 3: a : stands in := only'],
    ['{{}}', 'line 1, column 3: a value for command is missing'],
    ['{{else if 1}}', 'line 1, column 1: {{else}} belongs to nothing that is open'],
  ])('%j', (text, found) => {
    expect(refusal(text)).toContain(found);
  });

  it('nesting without end is refused too', () => {
    expect(refusal('{{if 1}}'.repeat(600))).toContain('more than 500 tags inside of each other');
    expect(refusal(`{{if 1}}${'{{else if 1}}'.repeat(600)}{{end}}`)).toContain('more than 500 tags');
    expect(refusal(`{{${'('.repeat(600)}`)).toContain('more than 500 brackets inside of each other');
  });
});

describe('any text', () => {
  const known = [
    '{{range $i, $x := ls "/services"}}{{$d := json (getv (printf "/services/%s" $x))}}\nserver {{$i}} {{$d.host}}:{{$d.port}}{{end}}',
    '{{- if and (exists "/a") (not .b) -}} x {{else if eq $ "y"}} {{else}}z{{end}}',
    '{{define "s"}}{{base .Key}} {{.Value | toUpper}}{{end}}{{range gets "/s/*"}}{{template "s" .}}{{break}}{{else}}{{`none`}}{{end}}',
    '{{/* c */}}{{with $v := index (split "a:b" ":") 0x1}}{{$v}}{{\'\\n\'}}{{1.5e3}}{{else with 2i}}{{end}}',
  ];
  const bits =
    '{{|}}|{{-| -}}|if|else|end|range|with|define|"a"|`|$x|$|.|.a|(|)|:=|=|,| |\n|1|0x|i|\'|nil|break|block|/*|*/|é|\\|😀|\0|\ud800'
      .split('|')
      .concat('|');
  const change = fc.record({ at: fc.nat(200), drop: fc.nat(4), put: fc.constantFrom('', ...bits) });
  const mutated = fc
    .tuple(fc.constantFrom(...known), fc.array(change, { maxLength: 5 }))
    .map(([text, changes]) =>
      changes.reduce((now, { at, drop, put }) => {
        const place = at % (now.length + 1);
        return now.slice(0, place) + put + now.slice(place + drop);
      }, text),
    );
  const anything = fc.oneof(
    { weight: 3, arbitrary: mutated },
    {
      weight: 2,
      arbitrary: fc.array(fc.constantFrom(...bits), { maxLength: 40 }).map((all) => all.join('')),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => `{{${text}`) },
  );

  it('is read or refused with a place that is in it, and what is read is all of it', () => {
    fc.assert(
      fc.property(anything, (text) => {
        try {
          const printed = sourcesOf(parse(text));
          expect(printed).toBe(text);
        } catch (error) {
          if (!(error instanceof GoSyntaxError)) {
            throw error;
          }
          const { offset, line, column } = error.place;
          expect(offset).toBeLessThanOrEqual(text.length);
          expect(text.slice(0, offset).split('\n')).toHaveLength(line);
          expect(column).toBe(offset - text.lastIndexOf('\n', offset - 1));
          expect(error.message).toContain(`line ${line}, column ${column}: `);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no longer than it is long', () => {
    expect(parse(`${'a \n'.repeat(50_000)}${'{{- .x -}} \n b'.repeat(20_000)}`).length).toBeGreaterThan(
      40_000,
    );
  });
});

/** All tags and texts put together again, as they stood in the file. */
function sourcesOf(nodes: readonly GoNode[]): string {
  return nodes.map(sourceOf).join('');
}

function sourceOf(node: GoNode): string {
  if (node.kind === 'text') {
    return node.source;
  }
  if (!('body' in node)) {
    return node.tag.source;
  }
  const body = node.tag.source + sourcesOf(node.body);
  if (!('otherwise' in node) || node.otherwise === null) {
    return body + node.end.source;
  }
  const { otherwise } = node;
  return otherwise.isChained
    ? body + sourcesOf(otherwise.body)
    : body + otherwise.tag.source + sourcesOf(otherwise.body) + node.end.source;
}
