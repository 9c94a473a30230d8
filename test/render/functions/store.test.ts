import { describe, expect, it } from 'vitest';
import { parseGlob } from '../../../src/render/functions/glob.ts';
import { compile, fault, inputOf, render } from '../../support/render.ts';

const tree = {
  '/key': 'top',
  '/key/b': '2',
  '/key/a': '3',
  '/key/sub/x': '1',
  '/key/sub/deep/y': '9',
  '/key-2/a': 'no',
  '/keys/a': 'no',
};

describe('the store functions', () => {
  it.each([
    ['exists("/key/a")', 'true'],
    ['exists("/key/sub")', 'false'],
    ['exists("/none")', 'false'],
    ['get("/key/a") | dump', '{"key":"/key/a","value":"3"}'],
    ['getv("/key/a")', '3'],
    ['getv("/none", "d")', 'd'],
    ['getv("/key/a", "d")', '3'],
    ['getv("/none", 4096) + 1', '4097'],
    ['getRaw("/key")', 'top'],
    ['gets("/key/*") | dump', '[{"key":"/key/a","value":"3"},{"key":"/key/b","value":"2"}]'],
    ['gets("/key/*/*") | join(" ", "key")', '/key/sub/x'],
    ['gets("/*") | join(" ", "key")', '/key'],
    ['gets("/key*/a") | join(" ", "key")', '/key-2/a /key/a /keys/a'],
    ['gets("/key/[ab]") | join(" ", "value")', '3 2'],
    ['gets("/key/?") | length', '2'],
    ['gets("/key/a") | length', '1'],
    ['gets("/key") | length', '1'],
    ['gets("/none/*") | dump', '[]'],
    ['gets("*") | dump', '[]'],
    ['getvs("/key/*") | dump', '["2","3"]'],
    ['getvs("/none/*") | dump', '[]'],
    ['ls("/key") | dump', '["a","b","key","sub"]'],
    ['ls("/key/") | dump', '["a","b","sub"]'],
    ['ls("/key/sub") | dump', '["deep","x"]'],
    ['ls("/key/a") | dump', '["a"]'],
    ['ls("/") | dump', '["key","key-2","keys"]'],
    ['ls("/none") | dump', '[]'],
    ['lsdir("/key") | dump', '["sub"]'],
    ['lsdir("/key/sub") | dump', '["deep"]'],
    ['lsdir("/key/sub/deep") | dump', '[]'],
    ['lsdir("/") | dump', '["key","key-2","keys"]'],
    ['lsdir("/none") | dump', '[]'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`, { tree })).toBe(expected);
  });

  it.each([
    ['getv("/b")', '2'],
    ['getv("/none", "d")', 'd'],
    ['exists("/sub/x")', 'true'],
    ['exists("/key/b")', 'false'],
    ['get("/sub/x") | dump', '{"key":"/sub/x","value":"1"}'],
    ['gets("/*") | join(" ", "key")', '/a /b'],
    ['gets("/sub/*/*") | dump', '[{"key":"/sub/deep/y","value":"9"}]'],
    ['getvs("/*") | dump', '["2","3"]'],
    ['ls("/") | dump', '["a","b","sub"]'],
    ['ls("/sub") | dump', '["deep","x"]'],
    ['lsdir("/") | dump', '["sub"]'],
    ['ls("/none") | dump', '[]'],
  ])('storeBelow("/key").%s', async (expression, expected) => {
    for (const prefix of ['/key', 'key', '/key/']) {
      expect(await render(`{{ storeBelow("${prefix}").${expression} }}`, { tree })).toBe(expected);
    }
  });

  it('storeBelow("/") is the whole store', async () => {
    expect(await render('{{ storeBelow("/").getv("/key/b") }}', { tree })).toBe('2');
  });

  it.each([
    ['getv("/none")', 'there is no key "/none"'],
    ['get("/none")', 'there is no key "/none"'],
    ['getRaw("/none")', 'there is no key "/none"'],
  ])('%s is an error', async (expression, message) => {
    expect(await fault(`{{ ${expression} }}`, { tree })).toContain(message);
  });

  it('read only what lies below the fixed part of a glob', async () => {
    const input = inputOf({ tree });
    const asked: string[] = [];
    const spied = {
      ...input,
      tree: {
        size: 0,
        get: (key: string) => input.tree.get(key),
        under: (prefix: string) => {
          asked.push(prefix);
          return input.tree.under(prefix);
        },
      },
    };
    const text =
      '{{ gets("/key/sub/*/y") | length }}{{ getvs("/key/s*") | length }}{{ ls("/key/sub/") | length }}{{ gets("/key/a") | length }}';
    expect(await compile(text).render(spied)).toBe('1021');
    expect(asked).toEqual(['/key/sub', '/key', '/key/sub']);
  });
});

/** The table of Go's own test of path.Match. */
describe('globs', () => {
  it.each<[string, string, boolean | null]>([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'abc', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^b-d]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['a[^a][^a][^a]b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'x', true],
    ['[x\\-]', '-', true],
    ['[x\\-]', 'z', false],
    ['[\\-x]', 'x', true],
    ['[\\-x]', '-', true],
    ['[\\-x]', 'a', false],
    ['[]a]', ']', null],
    ['[-]', '-', null],
    ['[x-]', 'x', null],
    ['[-x]', 'x', null],
    ['\\', 'a', null],
    ['[a-b-c]', 'a', null],
    ['[', 'a', null],
    ['[^', 'a', null],
    ['[^bc', 'a', null],
    ['a[', 'ab', null],
    ['*x', 'xxx', true],
    ['[z-a]', 'm', false],
    ['a.c', 'abc', false],
  ])('%s of %s', (pattern, text, expected) => {
    if (expected === null) {
      expect(() => parseGlob(pattern)).toThrow('is no valid pattern');
    } else {
      expect(parseGlob(pattern).matches(text)).toBe(expected);
    }
  });
});
