import { describe, expect, test } from 'vitest';
import type { RenderInput } from '../../src/render/context.ts';
import { GLOBAL_NAMES } from '../../src/render/globals.ts';
import { createEnvironment } from '../../src/render/strict-filters.ts';
import { withinTime } from '../../src/rollout/render-limit.ts';
import { compile, fault, inputOf, render } from '../support/render.ts';

/** Texts of a length that some expression or loop would take long over. */
const WORST: Readonly<Record<string, (length: number) => string>> = {
  blanks: (length) => `a${' '.repeat(length)}b`,
  slashes: (length) => `a${'/'.repeat(length)}b`,
  dots: (length) => '../a/'.repeat(length / 5),
  lines: (length) => `a${'\n'.repeat(length)}b`,
  'blanks and lines': (length) => ' \n'.repeat(length / 2),
  'tags that never end': (length) => '<a '.repeat(length / 3),
  'comments that never end': (length) => '<!--'.repeat(length / 4),
  'many tags': (length) => '<a>b</a><!-- -->'.repeat(length / 16),
  letters: (length) => `${'a'.repeat(length)}!`,
  words: (length) => 'Ab1. '.repeat(length / 5),
  'an address of mail': (length) => `a@${'a.'.repeat(length / 2)}`,
  digits: (length) => '1'.repeat(length),
  'digits and a letter': (length) => `${'1'.repeat(length)}x`,
  base64: (length) => 'QUFB'.repeat(length / 4),
  list: (length) => `[${'1,'.repeat(length / 2)}1]`,
  object: (length) => `{${'"a":1,'.repeat(length / 6)}"b":1}`,
  nested: (length) => '['.repeat(length),
};

/** What every filter and function that takes text is called with; `x` is the text, `l` a list of its pieces. */
const CALLS: Readonly<Record<string, string>> = {
  'filter abs': '(x | length) | abs',
  'filter batch': 'l | batch(3)',
  'filter capitalize': 'x | capitalize',
  'filter center': 'x | center(80)',
  'filter default': 'x | default("a")',
  'filter dictsort': 'l | groupby("length") | dictsort',
  'filter dump': 'x | dump',
  'filter escape': 'x | escape',
  'filter first': 'l | first',
  'filter float': 'x | float(1)',
  'filter forceescape': 'x | forceescape',
  'filter groupby': 'objects | groupby("a")',
  'filter indent': 'x | indent(2)',
  'filter int': 'x | int(1)',
  'filter join': 'l | join(", ")',
  'filter last': 'l | last',
  'filter length': 'x | length',
  'filter list': 'x | list',
  'filter lower': 'x | lower',
  'filter nl2br': 'x | nl2br',
  'filter reject': 'l | reject("odd")',
  'filter rejectattr': 'objects | rejectattr("a")',
  'filter replace': 'x | replace("a", "bb") | replace("", "-")',
  'filter reverse': 'x | reverse',
  'filter round': '(x | length) | round',
  'filter safe': 'x | safe',
  'filter select': 'l | select("string")',
  'filter selectattr': 'objects | selectattr("a")',
  'filter slice': 'l | slice(3)',
  'filter sort': 'l | sort',
  'filter string': 'x | string',
  'filter striptags': '[x | striptags, x | striptags(true)]',
  'filter sum': 'objects | sum("n")',
  'filter title': 'x | title',
  'filter trim': 'x | trim',
  'filter truncate': 'x | truncate(100)',
  'filter upper': 'x | upper',
  'filter urlencode': 'x | urlencode',
  'filter urlize': 'x | urlize',
  'filter wordcount': 'x | wordcount | default(0)',
  range: 'range(x | length)',
  cycler: 'cycler(x).next()',
  joiner: 'joiner(x)()',
  split: '[split(x, ","), split(x, "")]',
  join: 'join(l, ", ")',
  replace: '[replace(x, "a", "bb", -1), replace(x, "", "-", -1)]',
  trimPrefix: 'trimPrefix(x, "a")',
  trimSuffix: 'trimSuffix(x, "b")',
  contains: 'contains(x, " b")',
  toUpper: 'toUpper(x)',
  toLower: 'toLower(x)',
  repeat: 'repeat(2, x)',
  indent: 'indent(2, x)',
  base: 'base(x)',
  dir: 'dir(x)',
  reverse: 'reverse(l)',
  sortByLength: 'sortByLength(l)',
  sortKVByLength: 'sortKVByLength(objects)',
  seq: 'seq(1, x | length)',
  list: 'list(x, x)',
  append: 'append(l, x)',
  map: 'map(x, 1)',
  dict: 'dict(x, 1)',
  hasKey: 'hasKey({a: 1}, x)',
  keys: 'keys(dict(x, 1))',
  values: 'values(dict(x, 1))',
  json: 'json(x)',
  jsonArray: 'jsonArray(x)',
  fromJson: 'fromJson(x)',
  toJson: 'toJson(x)',
  base64Encode: 'base64Encode(x)',
  base64Decode: 'base64Decode(x)',
  parseBool: 'parseBool(x)',
  atoi: 'atoi(x)',
  sha256sum: 'sha256sum(x)',
  default: 'default("a", x)',
  coalesce: 'coalesce("", x)',
  ternary: 'ternary(x, "a", true)',
  quote: 'quote(x)',
  regexMatch: '[regexMatch("^([a-z0-9]+[-.]?)+$", x), regexMatch("(x+x+)+y", x), regexMatch(".*.*=.*", x)]',
  regexFind: '[regexFind("(a|b|ab)*c", x), regexFind("\\\\s+$", x)]',
  regexReplaceAll: '[regexReplaceAll("\\\\s+$", x, ""), regexReplaceAll("(a+)+b", x, "<$1>")]',
  service: 'service(x)',
  exists: 'exists(x)',
  get: 'get(x)',
  getv: 'getv(x, "none")',
  getRaw: 'getRaw(x, "none")',
  gets: 'gets(x)',
  getvs: 'getvs(x)',
  ls: 'ls(x)',
  lsdir: 'lsdir(x)',
  storeBelow: 'storeBelow(x)',
  go: '[go.camelcase(x), go.printf(x)]',
  getenv: 'getenv(x, "none")',
  'number of a text': 'x * 1',
};
const SYNONYMS = new Set(['filter d', 'filter e', 'filter random', 'filter routeRules', 'filter serverIds']);
const NO_TEXT = new Set('add sub mul div mod hostname services routes vars node haproxy'.split(' '));

const LIMIT = { ms: 5000, words: 'more than 5 s', hint: '' };

interface Sample {
  readonly plain: RenderInput;
  readonly withObjects: RenderInput;
}

function sampleOf(text: string): Sample {
  const objects = text.split(' ').map((part, at) => {
    const a = part.replace(/\s/g, '.');
    return { a, id: `${at}`, key: a, n: at };
  });
  const tree = { '/free/x': text };
  return { plain: inputOf({ tree }), withObjects: inputOf({ tree, vars: { objects } }) };
}

/** What gives long lists of pieces, or one long piece. */
const LISTS = new Set(['words', 'letters', 'blanks']);

const SAMPLES = Object.entries(WORST).map(([kind, make]) => ({
  kind,
  small: sampleOf(make(250_000)),
  large: sampleOf(make(1_000_000)),
}));

/** Processor time in milliseconds; whatever else the machine does only adds to it. */
async function cost(call: string, { plain, withObjects }: Sample): Promise<number> {
  const uses = (name: string) => new RegExp(`\\b${name}\\b`).test(call);
  const given = [
    uses('x') || uses('l') ? '{% set x = getRaw("/free/x") %}' : '',
    uses('l') ? '{% set l = split(x, " ") %}' : '',
    uses('objects') ? '{% set objects = vars.objects %}' : '',
  ];
  const template = compile(`${given.join('')}{% set y = ${call} %}`);
  const before = process.cpuUsage();
  // What a function refuses it may refuse; it only must not take long over it.
  await template
    .render(uses('objects') ? withObjects : plain, (work) => withinTime(LIMIT, work))
    .catch(() => undefined);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test('the calls are those of all the filters and functions there are', () => {
  const filters = Object.keys(createEnvironment(() => false).filters).map((name) => `filter ${name}`);
  const missing = [...filters, ...GLOBAL_NAMES].filter(
    (name) => !(name in CALLS) && !SYNONYMS.has(name) && !NO_TEXT.has(name),
  );
  expect(missing).toEqual([]);
});

describe('1 MB costs less than 8 times what 250 kB cost', () => {
  test.each(Object.keys(CALLS))('%s', { timeout: 120_000 }, async (name) => {
    const samples = /\bx\b/.test(CALLS[name] ?? '') ? SAMPLES : SAMPLES.filter(({ kind }) => LISTS.has(kind));
    for (const { kind, small, large } of samples) {
      let [less, more] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      // What grows by the square costs seconds here; a little may be garbage that is swept up.
      const isLinear = () => less < 8 || (less < 2500 && (more < 250 || more < 8 * less));
      for (let round = 0; round < 5 && !isLinear(); round++) {
        less = Math.min(less, await cost(CALLS[name] ?? '', small));
        if (!isLinear() && less < 2500) {
          more = Math.min(more, await cost(CALLS[name] ?? '', large));
        }
      }
      expect(isLinear() ? 'linear' : `${kind}: ${less} ms, then ${more} ms`).toBe('linear');
    }
  });
});

describe('what is too large is an error that says so', () => {
  test.each([
    ['range(900000000)', '900000000 items are too many'],
    ['range(0, 1, 0.0000001)', '10000000 items are too many'],
    ['seq(1, 900000000)', '900000000 items are too many'],
    ['"a" | center(900000000)', 'a text of 900000000 characters is too long'],
    ['("a" ~ nl ~ "b") | indent(900000000)', 'characters is too long'],
    ['indent(900000000, "a")', 'characters is too long'],
    ['[1] | batch(900000000, "x")', '900000000 items are too many'],
    ['[1] | slice(900000000)', '900000000 items are too many'],
    ['repeat(900000000, "a")', 'a text of 900000000 characters is too long'],
    ['"a".repeat(900000000)', 'a text of 900000000 characters is too long'],
    ['"a".padStart(900000000)', 'a text of 900000000 characters is too long'],
    ['"a".padEnd(900000000)', 'a text of 900000000 characters is too long'],
    ['repeat(5000, "a") | replace("a", repeat(5000, "b"))', 'characters is too long'],
    ['replace(repeat(5000, "a"), "a", repeat(5000, "b"))', 'characters is too long'],
    ['regexReplaceAll("a", repeat(5000, "a"), repeat(5000, "b"))', 'characters is too long'],
    ['range(5000) | join(repeat(5000, "b"))', 'characters is too long'],
    ['join(range(5000), repeat(5000, "b"))', 'characters is too long'],
  ])('%s', async (expression, message) => {
    const told = await fault(`{% set nl = getRaw("/nl") %}{{ ${expression} }}`, { tree: { '/nl': '\n' } });
    expect(told).toMatch(/^template main\.njk, line 1/);
    expect(told).toContain(message);
  });

  test('a text that is joined again and again', async () => {
    const text = '{% set x = "aaaaaaaaaa" %}{% for i in range(25) %}{% set x = x ~ x %}{% endfor %}{{ x }}';
    expect(await fault(text)).toContain('the configuration has 335544320 characters');
  });
});

test('a regular expression has the syntax and the meaning of Go', async () => {
  const all = [
    'regexReplaceAll("a*", "baac", "x")',
    'regexFind("(?P<n>b+)", "abba")',
    'regexMatch("^[[:alpha:]]+$", "ab")',
    'regexMatch("(?s)a.b", "a" ~ "\\n" ~ "b")',
  ];
  expect(await render(all.map((one) => `{{ ${one} }}`).join(' '))).toBe('xbxcx bb true true');
  expect(await fault('{{ regexMatch("a(?=b)", "ab") }}')).toContain("the syntax is Go's (RE2)");
});
