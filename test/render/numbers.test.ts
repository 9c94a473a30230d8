import { describe, expect, test } from 'vitest';
import { fault, render } from '../support/render.ts';

const tree = {
  '/haproxy/n':
    '{"big":12345678901234567890,"m":9007199254740993,"v":1.10,"one":1.0,"e":1e3,"zero":0.0,"list":[1.50],"huge":1e400}',
  '/haproxy/text': '12345678901234567890',
  '/services/web/a': '{"host":"10.0.0.1","port":80,"build":12345678901234567890,"meta":{"version":2.0}}',
};
const start = '{% set n = json(getv("/haproxy/n")) %}{% set meta = service("web").instances[0].meta %}';

describe('a number that JavaScript would write otherwise', () => {
  test.each([
    ['n.big', '12345678901234567890'],
    ['n.m', '9007199254740993'],
    ['n.v', '1.10'],
    ['n.huge', '1e400'],
    ['"v" ~ n.v', 'v1.10'],
    ['[n.v, n.one] | join(" ")', '1.10 1.0'],
    ['n | dump', tree['/haproxy/n'].replace('0.0', '0')],
    ['toJson(n)', tree['/haproxy/n'].replace('0.0', '0')],
    ['fromJson("[1.0]")[0]', '1.0'],
    ['jsonArray("[1.0]")[0]', '1.0'],
    ['meta.build', '12345678901234567890'],
    ['meta.version', '2.0'],
    ['n.v | default("x")', '1.10'],
    ['n.v | string', '1.10'],
  ])('reads as it was written: %s', async (expression, expected) => {
    expect(await render(`${start}{{ ${expression} }}`, { tree })).toBe(expected);
  });

  test.each([
    ['n.one + 1', '2'],
    ['1 + n.e', '1001'],
    ['n.v * 2', '2.2'],
    ['n.one == 1 and n.e > 999 and n.one in [1, 2]', 'true'],
    ['n.one is number', 'true'],
    ['add(n.one, 1)', '2'],
    ['["a", "b"][n.one]', 'b'],
    ['[n.e, n.one] | sum', '1001'],
    ['[n.e, n.one] | sort | join(" ")', '1.0 1e3'],
    ['n.v | round', '1'],
    ['n.e | int', '1'],
    ['range(n.one) | length', '1'],
    ['"yes" if n.zero else "no"', 'no'],
    ['default("d", n.one)', '1.0'],
  ])('counts as what it is: %s', async (expression, expected) => {
    expect(await render(`${start}{{ ${expression} }}`, { tree })).toBe(expected);
  });

  test.each([
    'n.big + 1',
    '1 + n.m',
    'n.big * 1',
    'n.big > 5',
    '-n.huge',
    'getv("/haproxy/text") * 1',
    'getv("/haproxy/text") - 1',
  ])('is not calculated with where the result would be wrong: %s', async (expression) => {
    expect(await fault(`${start}{{ ${expression} }}`, { tree })).toContain(
      'more digits than can be calculated with',
    );
  });
});
