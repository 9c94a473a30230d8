import { describe, expect, it } from 'vitest';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';

const shape = { services: ['/services'], routes: ['/routes'] };

function parse(text: string) {
  const entries = parseTreeEntries(text, { file: 'tree.yaml', shape, index: 0 });
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

function failure(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it did not fail');
}

describe('the values of parseTreeEntries()', () => {
  it('takes maps as paths, with keys of several segments, with or without a slash in front', () => {
    const text = 'a:\n  b: 1\n  c/d: 2\n  /e: 3\n/f/g: 4\nh/:\n  i: 5\n/:\n  j: 6\n';
    expect(parse(text)).toEqual({
      '/a/b': '1',
      '/a/c/d': '2',
      '/a/e': '3',
      '/f/g': '4',
      '/h/i': '5',
      '/j': '6',
    });
  });

  it('takes scalars as written', () => {
    const values = [
      '1.10',
      '0x10',
      'yes',
      '1e3',
      '2001-12-14',
      'true',
      '-1',
      '.inf',
      '10.0.0.1:80',
      '012',
      'a b',
    ];
    const text = `v:\n${values.map((value, n) => `  k${n}: ${value}\n`).join('')}`;
    expect(Object.values(parse(text)).sort()).toEqual([...values].sort());
    expect(parse('a: "1.10"\nb: \'x\'\nc: ""\nd: |\n  two\n  lines\n')).toEqual({
      '/a': '1.10',
      '/b': 'x',
      '/c': '',
      '/d': 'two\nlines\n',
    });
  });

  it('makes one JSON value of a map where an instance or a route stands, however it is spelled', () => {
    const text = `
services:
  web:
    a: { host: 10.0.0.1, port: 80, backup: true, meta: { version: 1.10, zone: "1", day: 2001-12-14 } }
    b: 10.0.0.2:80
  api/c: { host: x, tags: [blue, 1, "2"] }
routes:
  web: { hosts: [a.example.com], paths: [] }
routes/api: {}
`;
    expect(parse(text)).toEqual({
      '/services/web/a':
        '{"host":"10.0.0.1","port":80,"backup":true,"meta":{"version":1.10,"zone":"1","day":"2001-12-14"}}',
      '/services/web/b': '10.0.0.2:80',
      '/services/api/c': '{"host":"x","tags":["blue",1,"2"]}',
      '/routes/web': '{"hosts":["a.example.com"],"paths":[]}',
      '/routes/api': '{}',
    });
  });

  it('makes JSON text of a list', () => {
    expect(parse('a:\n  - 1\n  - x\n  - [y, {z: w}]\n')).toEqual({ '/a': '[1,"x",["y",{"z":"w"}]]' });
  });

  it('follows anchors and aliases', () => {
    expect(parse('a: &v 1\nb: *v\nc: &m\n  d: 2\ne: *m\n')).toEqual({
      '/a': '1',
      '/b': '1',
      '/c/d': '2',
      '/e/d': '2',
    });
  });

  it('reads JSON', () => {
    const text =
      '{\n\t"services": {"web": {"a": {"host": "\\u00e9\\ud83d\\ude00\\/", "port": 80}}},\n\t"x": 1.10\n}';
    expect(parse(text)).toEqual({ '/services/web/a': '{"host":"é😀/","port":80}', '/x': '1.10' });
  });

  it.each([
    ['a null', 'a: 1\nb:\n', 'tree.yaml:2: a value is missing'],
    ['a null in words', 'a: null\n', 'tree.yaml:1: a value is missing'],
    ['a null in a list', 'a:\n  - 1\n  - ~\n', 'tree.yaml:3: a value is missing'],
    ['a null in a JSON value', 'services:\n  web:\n    a:\n      host:\n', 'tree.yaml:4: a value is missing'],
    ['the same key twice', 'a: 1\nb: 2\na: 3\n', 'tree.yaml:3: the key /a is there twice, first on line 1'],
    [
      'the same key in two spellings',
      'a:\n  b: 1\na/b: 2\n',
      'tree.yaml:3: the key /a/b is there twice, first on line 2',
    ],
    [
      'the same key twice in JSON',
      'routes:\n  a:\n    x: 1\n    x: 2\n',
      'tree.yaml:4: the key "x" is there twice',
    ],
    ['a merge key', 'a: &a\n  b: 1\nc:\n  <<: *a\n', 'tree.yaml:4: merge keys (<<) are not supported'],
    ['a text alone', 'hello\n', 'tree.yaml:1: the top must be a map'],
    ['nothing', '# nothing\n', 'reading tree.yaml: it is empty'],
    ['bad syntax', 'a: 1\nb: [1\n', 'tree.yaml:3: '],
    ['a tag', 'a: !thing 1\n', 'tree.yaml:1: '],
    ['an unknown alias', 'a: *b\n', 'tree.yaml:1: '],
    ['a circle', 'a: &a\n  b: *a\n', 'tree.yaml:2: '],
    ['a map as key', '? {a: 1}\n: 2\n', 'tree.yaml:1: a key must be a text'],
  ])('refuses %s, by file and line', (_, text, expected) => {
    expect(failure(text)).toContain(expected);
  });
});

describe('parseTreeEntries()', () => {
  it('takes the revisions of a second document', () => {
    const text =
      'a: 1\nb: 2\n---\nrevisions:\n  /a: [1, 9007199254740993, 9007199254740995]\n  /gone: [0, 1, 1]\n';
    expect(parseTreeEntries(text, { file: 'tree.yaml', shape, index: 7 })).toEqual([
      { key: '/a', value: '1', source: 1, created: 9007199254740993n, modified: 9007199254740995n },
      { key: '/b', value: '2', source: 7, created: 0n, modified: 0n },
    ]);
  });

  it.each([
    ['another second document', 'a: 1\n---\nb: 2\n', 'tree.yaml:3: the second document must be'],
    ['a third document', 'a: 1\n---\nrevisions: {}\n---\nb: 2\n', 'tree.yaml:'],
    ['a bad revision', 'a: 1\n---\nrevisions:\n  /a: [1, x, 2]\n', 'tree.yaml:4: a revision must be'],
  ])('refuses %s', (_, text, expected) => {
    expect(failure(text)).toContain(expected);
  });
});
