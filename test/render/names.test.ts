import { describe, expect, test } from 'vitest';
import { render } from '../support/render.ts';

/** What JavaScript's objects have by themselves. */
const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf'];

const meta = (name: string) =>
  `{"host":"10.0.0.1","port":${80 + NAMES.indexOf(name)},"meta":{"zone":"${name}","${name}":"x"}}`;
const tree = Object.fromEntries([
  ...NAMES.flatMap((name) => [
    [`/services/web/${name}`, meta(name)],
    [`/services/${name}/one`, `10.1.0.${NAMES.indexOf(name) + 1}:80`],
    [`/keys/${name}`, name],
    [`/keys/dir/${name}/${name}`, 'below'],
  ]),
  ['/keys/json', `{${NAMES.map((name) => `"${name}":"of ${name}"`).join(',')}}`],
]);
const list = (texts: readonly string[]) => texts.join(' ');
const all = list(NAMES);

describe('names that JavaScript has by itself are names like any other', () => {
  test.each([
    [
      'groupby',
      '{% for k, g in service("web").instances | groupby("id") %}{{ k }}={{ g | length }} {% endfor %}',
      list(NAMES.map((n) => `${n}=1`)),
    ],
    [
      'groupby over meta',
      '{% for k, g in service("web").instances | groupby("meta.zone") %}{{ k }}={{ g[0].id }} {% endfor %}',
      list(NAMES.map((n) => `${n}=${n}`)),
    ],
    [
      'an item of groups',
      '{% set g = service("web").instances | groupby("id") %}{{ g["constructor"][0].id }} {{ g.toString | length }} {{ g["__proto__"][0].port }}',
      'constructor 1 80',
    ],
    [
      'dictsort of groups',
      '{% for pair in service("web").instances | groupby("id") | dictsort %}{{ pair[0] }} {% endfor %}',
      list([...NAMES.slice(1), '__proto__']),
    ],
    [
      'a group that is not there',
      '{% set g = service("web").instances | groupby("port") %}{{ g.constructor is defined }} {{ "toString" in g }}',
      'false false',
    ],
    [
      'service()',
      '{% for n in vars.names %}{{ service(n).name }}={{ service(n).instances[0].id }} {% endfor %}',
      list(NAMES.map((n) => `${n}=one`)),
    ],
    [
      'meta',
      '{% for i in service("web").instances %}{{ i.meta[i.id] }} {% endfor %}',
      list(NAMES.map(() => 'x')),
    ],
    [
      'meta that has no such name',
      '{{ service("web").instances[0].meta.constructor is defined }} {{ service("web").instances[1].meta.toString | default("none") }}',
      'false none',
    ],
    [
      'selectattr',
      '{% for n in vars.names %}{{ service("web").instances | selectattr("meta." ~ n) | length }} {% endfor %}',
      '1 1 1 1 1',
    ],
    ['sort', '{% for i in service("web").instances | sort(false, true, "id") %}{{ i.id }} {% endfor %}', all],
    [
      'serverIds',
      '{% set ids = service("web").instances | serverIds %}{% for i in service("web").instances %}{{ ids[i.id] > 0 }} {% endfor %}',
      list(NAMES.map(() => 'true')),
    ],
    [
      'getv, exists, ls, lsdir',
      '{% for n in vars.names %}{{ getv("/keys/" ~ n) }}{{ exists("/keys/dir/" ~ n) }} {% endfor %}{{ lsdir("/keys/dir") | join(" ") }}',
      `${list(NAMES.map((n) => `${n}false`))} ${all}`,
    ],
    [
      'gets',
      '{% for pair in gets("/keys/*") %}{{ base(pair.key) }} {% endfor %}',
      list([...NAMES, 'json'].toSorted()),
    ],
    [
      'json',
      '{% set j = json(getv("/keys/json")) %}{{ keys(j) | join(" ") }}|{% for n in vars.names %}{{ j[n] }},{% endfor %}|{{ values(j) | length }}',
      `${all}|${NAMES.map((n) => `of ${n},`).join('')}|5`,
    ],
    [
      'hasKey',
      '{% set j = json("{}") %}{% for n in vars.names %}{{ hasKey(j, n) }}{{ n in j }} {% endfor %}',
      list(NAMES.map(() => 'falsefalse')),
    ],
    [
      'map, dict',
      '{% for n in vars.names %}{% set m = map(n, 1, "b", 2) %}{{ m[n] }}{{ keys(dict(n, 1))[0] }} {% endfor %}',
      list(NAMES.map((n) => `1${n}`)),
    ],
    ['toJson', '{{ toJson(map("__proto__", 1, "constructor", 2)) }}', '{"__proto__":1,"constructor":2}'],
    [
      'a map that is written out',
      '{% set m = {"constructor": 1, "toString": 2} %}{{ m.constructor }}{{ m.toString }}{{ m | length }}',
      '122',
    ],
    ['vars', '{{ vars.byName.constructor }} {{ vars.byName.valueOf is defined }}', 'c false'],
    [
      'the environment',
      '{{ getenv("constructor", "none") }} {{ node.env.toString is defined }}',
      'none false',
    ],
    [
      'memo',
      '{% for s in services %}{% memo s %}{{ s.name }} {% endmemo %}{% endfor %}',
      list([...NAMES, 'web'].toSorted()),
    ],
    ['unique names of loops', '{% for constructor in [1, 2] %}{{ constructor }}{% endfor %}', '12'],
    [
      'a macro with such arguments',
      '{% macro m(constructor, toString=3) %}{{ constructor }}{{ toString }}{% endmacro %}{{ m(1) }}{{ m(1, toString=4) }}',
      '1314',
    ],
  ])('%s', async (_, text, expected) => {
    const vars = { names: NAMES, byName: { constructor: 'c' } };
    expect((await render(text, { tree, vars })).trim()).toBe(expected);
  });
});
