import { describe, expect, it } from 'vitest';
import { globalLines, statsSocketPaths } from '../../src/plan/global-lines.ts';

describe('statsSocketPaths()', () => {
  it.each([
    ['as it is', 'stats socket /run/s.sock mode 600 level admin', '/run/s.sock'],
    ['in double quotes', 'stats socket "/run/s.sock" mode 600', '/run/s.sock'],
    ['in single quotes, with a blank', "stats socket '/run/my s.sock' mode 600", '/run/my s.sock'],
    ['with an escaped blank', 'stats socket /run/my\\ s.sock', '/run/my s.sock'],
    ['quoted in part', 'stats socket unix@"/run"/s.sock', '/run/s.sock'],
    ['before a comment', 'stats socket /run/s.sock# mode 600', '/run/s.sock'],
    ['before trailing blanks', 'stats socket /run/s.sock \t ', '/run/s.sock'],
    ['before a carriage return', 'stats socket /run/s.sock\r', '/run/s.sock'],
    ['behind a prefix', 'unix-bind prefix /run/\nstats socket unix@s.sock', '/run/s.sock'],
  ])('finds a socket %s', (_, lines, found) => {
    expect(statsSocketPaths(`global\n${lines}\ndefaults\n mode http`)).toEqual([found]);
    expect(statsSocketPaths(`global\r\n${lines}`)).toEqual([found]);
  });

  it('finds none in comments, in other sections, of other kinds, and in what the environment decides', () => {
    const lines = [' # stats socket /a', ' stats socket :9999', ' stats socket fd@3', ' stats socket "$S"'];
    expect(statsSocketPaths(`global\n${lines.join('\n')}\nfrontend f\n stats socket /b\n`)).toEqual([]);
  });
});

it('globalLines() reads every global section, also the last one without a line break', () => {
  const text = 'global\n nbthread 1\nbackend b\n server a 127.0.0.1:1\nglobal # more\n maxconn 5';
  expect(globalLines(text).map(({ number, words }) => `${number} ${words.join(' ')}`)).toEqual([
    '2 nbthread 1',
    '6 maxconn 5',
  ]);
});
