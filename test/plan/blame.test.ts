import { describe, expect, test } from 'vitest';
import { placesIn, placesOf, wordsOf } from '../../src/plan/blame.ts';

const TEXT = `# written by a template
global
  maxconn 10

backend be_a from http
  server one 10.0.0.1:80 chekc
  server two 10.0.0.2:80

backend be_b from http
  server one 10.0.0.1:80 chekc
`;

describe('placesOf()', () => {
  test('tells equal lines of two sections apart', () => {
    expect(placesOf(TEXT, [6, 10])).toEqual([
      { section: 'backend be_a from http', line: 'server one 10.0.0.1:80 chekc', numbers: [6], nth: 1 },
      { section: 'backend be_b from http', line: 'server one 10.0.0.1:80 chekc', numbers: [10], nth: 1 },
    ]);
  });

  test('gives the header itself where that is named, and nothing for comments and lines that are not there', () => {
    expect(placesOf(TEXT, [1, 5, 8, 99])).toEqual([
      { section: 'backend be_a from http', line: 'backend be_a from http', numbers: [5], nth: 1 },
    ]);
  });
});

describe('placesIn()', () => {
  test('takes two of a line where only the second of them is named', () => {
    const twice = 'backend x\nbackend x\n';
    const places = placesOf(twice, [2]);
    expect(places).toMatchObject([{ nth: 2 }]);
    expect(placesIn('backend x\n', places)).toEqual([]);
    expect(placesIn(`${twice}backend x\n`, places)).toEqual(places);
    expect(placesOf(twice, [1, 2])).toMatchObject([{ numbers: [1, 2], nth: 1 }]);
  });

  test('finds what stands in another text too, wherever it moved to', () => {
    const places = placesOf(TEXT, [6, 10]);
    const other = TEXT.replace(/backend be_a[\s\S]*two.*\n/, '# gone\n\n\n');
    expect(placesIn(other, places)).toEqual([places[1]]);
  });
});

describe('wordsOf()', () => {
  const output = [
    '[NOTICE]   (7) : haproxy version is 2.6.12-1+deb12u2',
    "[ALERT]    (7) : config : parsing [/etc/haproxy/haproxy.cfg:6] : 'server one' : unknown keyword 'chekc'.",
    "[ALERT]    (7) : config : parsing [/etc/haproxy/haproxy.cfg:61] : unknown keyword 'x'.",
    '[ALERT]    (7) : config : Error(s) found in configuration file : /etc/haproxy/haproxy.cfg',
    '[ALERT]    (7) : config : Fatal errors found in configuration.',
  ].join('\n');

  test('keeps the causes and leaves out what changes with every run', () => {
    expect(wordsOf(output)).toBe(
      "parsing [/etc/haproxy/haproxy.cfg:6] : 'server one' : unknown keyword 'chekc'.; parsing [/etc/haproxy/haproxy.cfg:61] : unknown keyword 'x'.",
    );
  });

  test('keeps only what names a line, where some are given', () => {
    expect(wordsOf(output, { lines: [6] })).toBe(
      "parsing [/etc/haproxy/haproxy.cfg:6] : 'server one' : unknown keyword 'chekc'.",
    );
  });
});
