import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/model/entry.ts';
import { catalogOf, entry } from '../support/catalog.ts';
import { compile, fault, inputOf, render } from '../support/render.ts';

const tree = {
  '/services/a/1': '10.0.0.1:80',
  '/services/a/2': '10.0.0.2:80',
  '/services/b/1': { host: '10.0.0.3', port: 80, meta: { zone: 'z' } },
};

describe('the body of a memo', () => {
  it.each([
    [
      'its object, and names of its own',
      '{% set x = s.name %}{% for i in s.instances %}{{ x }}{{ i.id }}{{ loop.index }}{% endfor %}',
    ],
    [
      'vars, node, haproxy',
      '{{ vars.x }}{{ node.hostname }}{{ haproxy.version }}{{ getenv("ZONE") }}{{ hostname() }}',
    ],
    [
      'pure functions and filters',
      '{{ toUpper(s.name) | lower }}{{ join(["a"], ",") }}{% for i in range(2) %}{{ i }}{% endfor %}',
    ],
    ['a macro that does the same', '{{ good(s) }}'],
    ['a macro that uses another one', '{{ better(s, b=2) }}'],
    ['an imported macro', '{{ m.server(s.instances[0]) }}{{ aliased(s.instances[0]) }}'],
    ['a memo in it', '{% for i in s.instances %}{% memo i %}{{ i.id }}{% endmemo %}{% endfor %}'],
    ['a call of a macro with a body', '{% call wrap() %}{{ s.name }}{% endcall %}'],
    ['a capture', '{% set text %}<{{ s.name }}>{% endset %}{{ text }}'],
    ['a name that stands elsewhere, given anew', '{% set outer = s.name %}{{ outer }}'],
  ])('may use %s', async (_, body) => {
    const text = `{% import "m.njk" as m %}{% from "m.njk" import server as aliased %}{% set outer = 1 %}
{% macro good(s) %}{{ s.name }}{{ vars.x }}{% endmacro %}
{% macro better(s, b=vars.x) %}{{ good(s) }}{{ b }}{% endmacro %}
{% macro wrap() %}[{{ caller() }}]{% endmacro %}
{% for s in services %}{% memo s %}${body}{% endmemo %}{% endfor %}{{ outer }}`;
    const files = { 'm.njk': '{% macro server(i) %}{{ i.address }}{% endmacro %}' };
    const given = { tree, files, vars: { x: 'v' } };
    expect(await render(text, given)).toBe(
      await render(without(text).replace(/outer = s.name %}{{ outer/, 'inner = s.name %}{{ inner'), given),
    );
  });

  it.each([
    ['getv', '{{ getv("/a") }}', '"getv" is used inside of the memo of line 2'],
    ['services', '{{ services | length }}', '"services" is used inside'],
    ['service', '{{ service("a").name }}', '"service" is used inside'],
    ['routes', '{{ routes | length }}', '"routes" is used inside'],
    ['a variable from outside', '{{ outer }}', '"outer", a variable from outside, is used'],
    ['the loop outside', '{{ loop.index }}', '"loop" is used inside'],
    ["another loop's variable", '{{ t.name }}', '"t" is used inside'],
    ['a macro that uses services', '{{ bad() }}', '"services" is used inside of the memo of line 2'],
    [
      'a macro whose default uses services',
      '{{ worse() }}',
      '"services" is used inside of the memo of line 2',
    ],
    ['a macro that uses such a macro', '{{ indirect() }}', '"services" is used inside of the memo of line 2'],
    [
      'an imported macro that uses services',
      '{{ m.bad() }}',
      'template m.njk, line 1: "services" is used inside',
    ],
    ['a variable of another file', '{{ m.value }}', '"m" is used inside of a memo, and is no macro'],
    ['an import as a whole', '{{ m | dump }}', '"m" is used inside of a memo'],
    ['a macro of two meanings', '{{ twice() }}', '"twice" is used inside'],
    ['an include', '{% include "m.njk" %}', '{% include %} stands inside of a memo'],
    ['a block', '{% block x %}{% endblock %}', '{% block %} stands inside of a memo'],
    ['an import inside', '{% import "m.njk" as n %}', '{% import %} stands inside of a memo'],
    ['a macro inside', '{% macro n() %}{% endmacro %}', '{% macro %} stands inside of a memo'],
    [
      "a memo in it that uses the outer one's object",
      '{% for i in s.instances %}{% memo i %}{{ s.name }}{% endmemo %}{% endfor %}',
      '"s" is used inside',
    ],
  ])('may not use %s', async (_, body, message) => {
    const text = `{% import "m.njk" as m %}{% set outer = 1 %}{% macro bad() %}{{ services | length }}{% endmacro %}{% macro worse(a=services) %}{% endmacro %}{% macro indirect() %}{{ bad() }}{% endmacro %}{% macro twice() %}{% endmacro %}{% if node.hostname %}{% macro twice() %}x{% endmacro %}{% endif %}{% macro twice() %}{% endmacro %}
{% for t in services %}{% for s in services %}{% memo s %}${body}{% endmemo %}{% endfor %}{% endfor %}`;
    const files = {
      'm.njk': '{% macro bad() %}{{ services | length }}{% endmacro %}{% set value = services | length %}',
    };
    expect(await fault(text, { tree, files })).toContain(message);
  });

  it('may not use a name of the settings that means something else around it', async () => {
    const hidden =
      '{% for vars in services %}{% for s in services %}{% memo s %}{{ vars.name }}{% endmemo %}{% endfor %}{% endfor %}';
    expect(await fault(hidden, { tree })).toContain('"vars" is used inside');
    const files = { 'a.njk': '{% for s in services %}{% memo s %}{{ node.x }}{% endmemo %}{% endfor %}' };
    expect(await fault('{% set node = {x: 1} %}{% include "a.njk" %}', { tree, files })).toContain(
      '"node" is used inside',
    );
  });

  it('may not use a macro that another file of the same chain gives another meaning', async () => {
    const files = {
      'base.njk': '{% macro m() %}{{ services | length }}{% endmacro %}{% block b %}{% endblock %}',
    };
    const text =
      '{% extends "base.njk" %}{% macro m() %}x{% endmacro %}{% block b %}{% for s in services %}{% memo s %}{{ m() }}{% endmemo %}{% endfor %}{% endblock %}';
    expect(await fault(text, { tree, files })).toContain('"services" is used inside');
  });

  it('leaves nothing behind', async () => {
    const text =
      '{% for s in services %}{% memo s %}{% set inside = 1 %}{% endmemo %}{{ inside }}{% endfor %}';
    expect(await fault(text, { tree })).toContain('"inside" has no value here');
  });
});

describe('the object of a memo', () => {
  it.each([
    [
      'a text',
      '{% set a = "x" %}{% memo a %}{% endmemo %}',
      'memo is for a service or an instance, not for the text "x"',
    ],
    ['an expression', '{% memo services[0] %}{% endmemo %}', 'memo takes one name: {% memo service %}'],
    ['nothing', '{% memo nope %}{% endmemo %}', 'there is no "nope"'],
  ])('may not be %s', async (_, text, message) => {
    expect(await fault(text, { tree })).toContain(message);
  });

  it('may be one that the template can change: then nothing is remembered', async () => {
    const text =
      '{% set l = [1] %}{% for i in range(2) %}{% memo l %}{{ l.length }}{% endmemo %}{% set x = l.push(1) %}{% endfor %}';
    expect(await render(text)).toBe('12');
  });
});

describe('what a memo made', () => {
  const text =
    '{% for s in services %}{% memo s %}{{ s.name }}:{{ s.instances | length }}:{{ vars.x }}{{ node.hostname }}{{ haproxy.version }} {% endmemo %}{% endfor %}';

  it('is used again while the service is the same, and made anew for the one that changed', async () => {
    const template = compile(text);
    const input = inputOf({ tree, vars: { x: 'v' } });
    expect(await template.render(input)).toBe('a:2:vhost-12.6.12 b:1:vhost-12.6.12 ');
    let looks = 0;
    const { catalog } = input;
    const [a] = catalog.services;
    const spied = new Proxy(a ?? ({} as never), {
      get: (target, key) => {
        looks += 1;
        return Reflect.get(target, key);
      },
    });
    const again = {
      ...input,
      catalog: {
        ...catalog,
        services: [spied, ...catalog.services.slice(1)],
        routes: catalog.routes,
        rejected: [],
        ignored: 0,
        service: () => spied,
      },
    };
    await template.render(again);
    const first = looks;
    await template.render(again);
    expect([first > 0, looks - first]).toEqual([true, 0]);
  });

  it.each([
    ['vars', { vars: { x: 'w' } }, 'a:2:whost-12.6.12 b:1:whost-12.6.12 '],
    ['node', { node: { hostname: 'h2', env: {} } }, 'a:2:vh22.6.12 b:1:vh22.6.12 '],
    [
      'haproxy',
      { haproxy: { version: '3.0', statsSocket: '', masterSocket: '', serverState: '' } },
      'a:2:vhost-13.0 b:1:vhost-13.0 ',
    ],
  ])('is forgotten when %s changes', async (_, changed, expected) => {
    const template = compile(text);
    const input = inputOf({ tree, vars: { x: 'v' } });
    await template.render(input);
    expect(await template.render({ ...input, ...changed })).toBe(expected);
    expect(await template.render(input)).toBe('a:2:vhost-12.6.12 b:1:vhost-12.6.12 ');
  });

  it('is kept apart by place, in loops, included files, macros and blocks', async () => {
    const files = {
      'base.njk':
        '{% block b %}{% endblock %}{% for s in services %}{% include "part.njk" %}{% memo s %}1{{ s.name }}{% endmemo %}{% memo s %}2{{ s.name }}{% endmemo %}{% endfor %}',
      'part.njk': '{% memo s %}p{{ s.name }}{% endmemo %}',
    };
    const main =
      '{% extends "base.njk" %}{% block b %}{% for s in services %}{% memo s %}b{{ s.name }}{% endmemo %}{{ m(s) }}{% endfor %}{% endblock %}{% macro m(x) %}{% memo x %}m{{ x.name }}{% endmemo %}{% endmacro %}';
    const template = compile(main, files);
    const input = inputOf({ tree });
    const expected = 'bamabbmbpa1a2apb1b2b';
    expect(await template.render(input)).toBe(expected);
    expect(await template.render(input)).toBe(expected);
  });

  it('works for the routes as a whole, which the catalog gives anew when one changes', async () => {
    const template = compile(
      '{% memo routes %}{% for r in routes %}{{ r.service }}:{{ r.host }} {% endfor %}{% endmemo %}',
    );
    const catalog = catalogOf({ ...tree, '/routes/a': { hosts: ['a.example.com'] } });
    const input = { ...inputOf(), catalog, tree: catalog.tree };
    expect(await template.render(input)).toBe('a:a.example.com b:b ');
    catalog.apply([{ kind: 'put', entry: entry('/routes/b', { hosts: ['b.example.com'] }, 99) }]);
    expect(await template.render(input)).toBe('a:a.example.com b:b.example.com ');
  });
});

describe('a template with memo', () => {
  it('gives the same bytes as the same template without, whatever changes', async () => {
    const text = `{% macro line(i) %}server {{ i.id }} {{ i.address }}{% if i.weight is number %} weight {{ i.weight }}{% endif %}{% endmacro %}
{% for s in services %}
{% memo s %}
backend {{ s.name }}
{% set n = 0 %}
{% for i in s.instances %}
{% set n = n + 1 %}
  {{ line(i) }} # {{ n }} {{ i.meta.zone | default(vars.zone) }}
{% endfor %}
{% endmemo %}
{% endfor %}
{% memo routes %}
{% for r in routes %}
{{ r.service }} {{ r.host | default('*') }}{{ r.path | default('/') }}
{% endfor %}
{% endmemo %}
`;
    const [memo, plain] = [compile(text), compile(without(text))];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const catalog = catalogOf({});
        for (const [index, { change, zone }] of steps.entries()) {
          catalog.apply([numbered(change, index + 1)]);
          const input = { ...inputOf({ vars: { zone } }), catalog, tree: catalog.tree };
          expect(await memo.render(input)).toBe(await plain.render(input));
        }
      }),
      { numRuns: 60 },
    );
  });
});

const name = fc.constantFrom('a', 'b', 'c');
const value = fc.record(
  {
    host: fc.constantFrom('10.0.0.1', '10.0.0.2', 'db.example.com', '::1'),
    port: fc.integer({ min: 1, max: 65_535 }),
    weight: fc.integer({ min: 0, max: 256 }),
    zone: fc.constantFrom('x', 'y'),
    drain: fc.boolean(),
  },
  { requiredKeys: ['host', 'port'] },
);
const step = fc.record({
  zone: fc.constantFrom('z', 'y'),
  change: fc.oneof(
    fc.record({ key: fc.tuple(name, name).map(([s, i]) => `/services/${s}/${i}`), value: fc.option(value) }),
    fc.record({
      key: name.map((s) => `/routes/${s}`),
      value: fc.option(
        fc.record({
          hosts: fc.array(
            name.map((h) => `${h}.example.com`),
            { minLength: 1, maxLength: 2 },
          ),
        }),
      ),
    }),
  ),
});

function numbered(change: { key: string; value: object | null }, revision: number): Change {
  return change.value === null
    ? { kind: 'delete', key: change.key }
    : { kind: 'put', entry: entry(change.key, change.value, revision) };
}

/** The same template without memo: its tags become others that do nothing. */
function without(text: string): string {
  return text.replaceAll(/\{% memo \w+ %\}/g, '{% if true %}').replaceAll('{% endmemo %}', '{% endif %}');
}
