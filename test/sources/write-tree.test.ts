import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, type Entry } from '../../src/model/entry.ts';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';
import { writeTree } from '../../src/sources/write-tree.ts';

const shape = { services: ['/services', '/more/services'], routes: ['/routes'] };

function entry(key: string, value: string, revisions: Partial<Entry> = {}): Entry {
  return { key, value, source: 0, created: 0n, modified: 0n, ...revisions };
}

function back(entries: readonly Entry[]) {
  return parseTreeEntries(writeTree(entries, shape), { file: 'dump', shape, index: 0 });
}

const HARD_VALUES = [
  ...[
    '',
    ' ',
    ' x',
    'x ',
    '\n',
    'a\nb',
    'a\nb\n',
    'a\n\nb\n\n',
    ' a\nb',
    '\ta\n',
    'a \nb',
    'a\r\nb',
    '\u0000\u0007\u001b',
  ],
  ...[
    '~',
    'null',
    'NULL',
    '<<',
    '---',
    '...',
    '-',
    '- a',
    'a: b',
    'a:',
    'a #b',
    '#',
    '"',
    "'",
    '\\',
    '%x',
    '@',
    '`',
    '*a',
    '&a',
    '!t',
  ],
  ...[
    '1.10',
    '0x10',
    'yes',
    '1e3',
    '2001-12-14',
    'true',
    '=',
    '{}',
    '[]',
    '{"a":1}',
    '{"a":1.0}',
    '{"a":null}',
    '{ "a": 1 }',
  ],
  ...[
    '{"a":1,"a":2}',
    '{"b":[],"c":{},"d":{"e":["x, y",": ","#",true,1,-2.5,"1","null"]}}',
    '{"2":1,"1":2}',
    '{"__proto__":1}',
    '["a"]',
  ],
  ...[
    'é😀',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\ufffe',
    '\ufffd',
    '\ud800',
    '\u007f',
    'two\nlines \u202e with a turn',
    '{"a\u2066":"\u202e \u00a0"}',
    '\u{e0041}\u200b',
    'a\n---\nb',
    'a\n...\n',
    '# a\nb',
    'a\n# b\n',
    '?',
    '? a',
    '|',
    '>',
  ],
];

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'web', 'sub') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '<<',
      'null',
      '~',
      '-',
      '1',
      'a b',
      'é',
      '"',
      'a:b',
      'a: b',
      '#',
      '...',
      'x'.repeat(1_100),
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }).filter((text) => !text.includes('/')) },
);
const key = fc
  .tuple(
    fc.constantFrom('', '/services', '/services/web', '/more/services', '/routes', '/haproxy'),
    fc.array(segment, { minLength: 1, maxLength: 4 }),
  )
  .map(([prefix, segments]) => `${prefix}/${segments.join('/')}`);
const value = fc.oneof(
  fc.constantFrom(...HARD_VALUES),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.constantFrom('', ' ', 'a', '#', '\t', 'é', '- ', ': '), { maxLength: 8 })
    .map((parts) => parts.join('\n')),
  fc.json({ maxDepth: 3 }),
  fc.object({ maxDepth: 2 }).map((object) => JSON.stringify(object)),
);
const revision = fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 62n }));
const entries = fc.uniqueArray(
  fc.record({ key, value, source: fc.nat(2), created: revision, modified: revision }),
  { selector: (one) => one.key, maxLength: 25 },
);

describe('writeTree()', () => {
  it('writes what reads back the same, whatever the keys, values and revisions are', () => {
    fc.assert(
      fc.property(entries, (tree) => {
        expect(back(tree)).toEqual([...tree].sort((a, b) => compare(a.key, b.key)));
      }),
      { numRuns: 300 },
    );
  });

  it.each(HARD_VALUES.map((text) => [JSON.stringify(text), text]))(
    'keeps the value %s in every place',
    (_, text) => {
      const tree = [entry('/free/a', text), entry('/routes/a', text), entry('/services/web/a', text)];
      expect(back(tree)).toEqual(tree);
    },
  );

  it('shows nothing as what it is not: what is unseen is escaped', () => {
    const unseen = '\u202a\u202e\u2066\u2069\u200b\u00a0\u{e0041}';
    const tree = ['/free/a', '/routes/a', '/services/web/a'].flatMap((path) => [
      entry(path, `two\nlines ${unseen}`),
      entry(`${path}${unseen}`, `{"a${unseen}":"${unseen}"}`),
    ]);
    expect(writeTree(tree, shape)).toMatch(/^[\n -~]+$/);
    expect(back(tree)).toEqual([...tree].sort((a, b) => compare(a.key, b.key)));
  });

  it('is readable where it can be', () => {
    const tree = [
      entry('/haproxy/banner', 'two\nlines\n'),
      entry('/haproxy/maxconn', '4096'),
      entry('/routes/web', '{"hosts":["a.example.com","*.b.example.com"],"check":{"path":"/up","rise":2}}'),
      entry('/services/web/a', '10.0.0.1:80', { created: 12n, modified: 15n }),
      entry('/services/web/b', '{"host":"10.0.0.2","port":80,"weight":10,"tags":["1"]}', { source: 1 }),
      entry('/services/web/c', '{"host": "10.0.0.2"}'),
      entry('/services/web/d/e', 'deeper'),
      entry('/services/x', 'a value and a folder'),
      entry('/services/x/y', '[::1]:80'),
      entry('/services/x/', ''),
    ];
    expect(writeTree(tree, shape)).toBe(
      `/services/x/: ""
haproxy:
  banner: |
    two
    lines
  maxconn: 4096
routes:
  web:
    hosts: [a.example.com, "*.b.example.com"]
    check: { path: /up, rise: 2 }
services:
  web:
    a: 10.0.0.1:80
    b:
      host: 10.0.0.2
      port: 80
      weight: 10
      tags: ["1"]
    c: "{\\"host\\": \\"10.0.0.2\\"}"
    d/e: deeper
  x: "a value and a folder"
  x/y: "[::1]:80"
---
revisions:
  /services/web/a: [0, 12, 15]
  /services/web/b: [1, 0, 0]
`,
    );
    expect(writeTree([], shape)).toBe('{}\n');
    expect(back([])).toEqual([]);
  });
});
