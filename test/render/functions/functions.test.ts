import { describe, expect, it } from 'vitest';
import { fault, render } from '../../support/render.ts';

const vars = { list: ['a', 'b', 'c'], map: { b: 1, a: 'x' }, empty: [], long: ['ccc', 'a', 'bb', 'ää'] };

/** What Go's and confd's own functions give for these. */
describe('strings', () => {
  it.each([
    ['split("a,b,c", ",") | dump', '["a","b","c"]'],
    ['split("", ",") | dump', '[""]'],
    ['split("äb", "") | dump', '["ä","b"]'],
    ['join(vars.list, "-")', 'a-b-c'],
    ['join(vars.empty, "-")', ''],
    ['join([1, true], ",")', '1,true'],
    ['replace("aaa", "a", "b", 2)', 'bba'],
    ['replace("aaa", "a", "b", -1)', 'bbb'],
    ['replace("aaa", "a", "b")', 'bbb'],
    ['replace("aaa", "a", "b", 0)', 'aaa'],
    ['replace("ab", "", "-", -1)', '-a-b-'],
    ['replace("ab", "", "-", 2)', '-a-b'],
    ['trimPrefix("abc", "ab")', 'c'],
    ['trimPrefix("abc", "x")', 'abc'],
    ['trimSuffix("abc", "bc")', 'a'],
    ['trimSuffix("abcc", "c")', 'abc'],
    ['trimSuffix("abc", "")', 'abc'],
    ['contains("abc", "bc")', 'true'],
    ['contains("abc", "")', 'true'],
    ['contains("abc", "x")', 'false'],
    ['toUpper("straße ǆ")', 'STRAßE Ǆ'],
    ['toLower("ABC")', 'abc'],
    ['repeat(3, "ab")', 'ababab'],
    ['indent(2, "a\\nb")', '  a\n  b'],
    ['quote("a")', '"a"'],
    ['"x" | replace("x", "y")', 'y'],
    ['vars.list | join("+")', 'a+b+c'],
    ['vars.list | reverse | join', 'cba'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`, { vars })).toBe(expected);
  });
});

describe('paths', () => {
  it.each([
    ['base("/a/b")', 'b'],
    ['base("/a/b/")', 'b'],
    ['base("")', '.'],
    ['base("///")', '/'],
    ['base("a")', 'a'],
    ['dir("/a/b")', '/a'],
    ['dir("/a/b/")', '/a/b'],
    ['dir("a")', '.'],
    ['dir("")', '.'],
    ['dir("/a")', '/'],
    ['dir("/a/../b//./c")', '/b'],
    ['dir("../a/b")', '../a'],
    ['dir("/../a/b")', '/a'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`)).toBe(expected);
  });
});

describe('lists and maps', () => {
  it.each([
    ['reverse(vars.list) | dump', '["c","b","a"]'],
    ['sortByLength(vars.long) | dump', '["a","bb","ccc","ää"]'],
    ['sortKVByLength(gets("/k/*")) | join(" ", "key")', '/k/b /k/aa /k/ccc'],
    ['seq(3, 5) | dump', '[3,4,5]'],
    ['seq(5, 3) | dump', '[]'],
    ['seq(-1, 1) | dump', '[-1,0,1]'],
    ['list("a", 1) | dump', '["a",1]'],
    ['append(vars.list, "d") | dump', '["a","b","c","d"]'],
    ['map("a", 1, "b", "c") | dump', '{"a":1,"b":"c"}'],
    ['map() | dump', '{}'],
    ['dict("a", 1).a', '1'],
    ['hasKey(vars.map, "a")', 'true'],
    ['hasKey(vars.map, "constructor")', 'false'],
    ['keys(vars.map) | dump', '["a","b"]'],
    ['values(vars.map) | dump', '["x",1]'],
  ])('%s', async (expression, expected) => {
    const tree = { '/k/ccc': '1', '/k/aa': '2', '/k/b': '3' };
    expect(await render(`{{ ${expression} }}`, { vars, tree })).toBe(expected);
  });
});

describe('maths', () => {
  it.each([
    ['add(1, 2)', '3'],
    ['sub(1, 2)', '-1'],
    ['mul(3, 4)', '12'],
    ['div(7, 2)', '3'],
    ['div(-7, 2)', '-3'],
    ['div(-1, 2)', '0'],
    ['mod(7, 2)', '1'],
    ['mod(-7, 2)', '-1'],
    ['mod(-4, 2)', '0'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`)).toBe(expected);
  });
});

describe('data', () => {
  it.each([
    ['json(\'{"a": {"b": [1]}}\').a.b[0]', '1'],
    ['jsonArray(\'[1, "x"]\')[1]', 'x'],
    ['fromJson(\'"x"\')', 'x'],
    ['toJson(vars.map)', '{"b":1,"a":"x"}'],
    ['base64Encode("häproxy")', 'aMOkcHJveHk='],
    ['base64Decode("aMOkcHJveHk=")', 'häproxy'],
    ['base64Decode("")', ''],
    ['parseBool("T")', 'true'],
    ['parseBool("0")', 'false'],
    ['atoi("-12") + 1', '-11'],
    ['atoi("+7")', '7'],
    ['sha256sum("a")', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ['default("d", "")', 'd'],
    ['default("d", 0)', 'd'],
    ['default("d", [])', 'd'],
    ['default("d", "v")', 'v'],
    ['coalesce("", null, 0, "x", "y")', 'x'],
    ['ternary("yes", "no", 1 == 1)', 'yes'],
    ['ternary("yes", "no", false)', 'no'],
    ['hostname()', 'host-1'],
    ['getenv("ZONE")', 'a'],
    ['getenv("EMPTY")', ''],
    ['getenv("EMPTY", "d")', 'd'],
    ['getenv("NONE", "d")', 'd'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`, { vars })).toBe(expected);
  });
});

describe('regular expressions', () => {
  it.each([
    ['regexMatch("^a+$", "aaa")', 'true'],
    ['regexMatch("(?i)^A$", "a")', 'true'],
    ['regexMatch("\\\\Aab\\\\z", "ab")', 'true'],
    ['regexFind("[0-9]+", "a12b3")', '12'],
    ['regexFind("[0-9]+", "a")', ''],
    ['regexReplaceAll("a(x*)b", "-ab-axxb-", "$1")', '--xx-'],
    ['regexReplaceAll("a(x*)b", "-ab-axxb-", "$" ~ "{1}W")', '-W-xxW-'],
    ['regexReplaceAll("a(x*)b", "-ab-axxb-", "$1W")', '---'],
    ['regexReplaceAll("a(?P<n>x*)b", "-axxb-", "<$" ~ "{n}$$>")', '-<xx$>-'],
  ])('%s', async (expression, expected) => {
    expect(await render(`{{ ${expression} }}`)).toBe(expected);
  });
});

describe('what a function does not take', () => {
  it.each([
    ['split(5, ",")', 'the text must be text, not the number 5'],
    ['join("a", ",")', 'the list must be a list, not the text "a"'],
    ['join([vars.map], ",")', 'an object has no text'],
    ['repeat(-1, "a")', 'the count must be 0 or more, not -1'],
    ['add("1", 2)', 'the first must be a whole number, not the text "1"\nmake it one: atoi(…)'],
    ['add(1.5, 2)', 'the first must be a whole number, not the number 1.5'],
    ['div(1, 0)', 'division by zero'],
    ['mod(1, 0)', 'division by zero'],
    ['seq(0, 5000000)', '5000001 items are too many'],
    ['map("a")', 'a map takes pairs'],
    ['map(1, 2)', 'each key must be text, not the number 1'],
    ["json('[1]')", 'the JSON must be an object, not a list of 1'],
    ["jsonArray('{}')", 'the JSON must be a list, not an object'],
    ['json("{")', 'the text "{" is not JSON'],
    ['base64Decode("a")', 'the text "a" is not base64'],
    ['parseBool("yes")', 'the text "yes" is neither true nor false'],
    ['atoi("5x")', 'the text "5x" is no whole number'],
    ['atoi("")', 'the text "" is no whole number'],
    ['ternary(1, 2, "x")', 'the condition must be true or false, not the text "x"'],
    ['regexMatch("(", "a")', '"(" is no regular expression'],
    ['gets("[")', '"[" is no valid pattern'],
    ['getv()', 'the key must be text, not undefined'],
    ['getv("/a", default="b")', 'only macros have named arguments'],
  ])('%s', async (expression, message) => {
    expect(await fault(`{{ ${expression} }}`, { vars })).toContain(message);
  });
});
