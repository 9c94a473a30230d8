import { describe, expect, it } from 'vitest';
import { fault, render } from '../support/render.ts';

const tree = {
  '/services/web/a': {
    host: '10.0.0.1',
    port: 80,
    meta: { note: 'a\nb', deep: { list: ['fine', 'a\u0085b'] }, ok: 'yes' },
  },
  '/services/ok/a': '10.0.0.2:80',
  '/routes/web': { meta: { 'bad\nname': 'x', ok: 'yes' } },
  '/haproxy/good': 'fine',
  '/haproxy/lines': 'a\n  bind :1',
  '/haproxy/json': '{\n "a": 1\n}',
  '/haproxy/evil': '{"a": {"b": "x\\ny"}}',
  '/haproxy/z-half': 'a\ud800b',
  '/haproxy/z-half-json': '{"a":"\\udfff"}',
  '/haproxy/evil-name': '{"a\\n": 1}',
  '/haproxy/base64': Buffer.from('a\nb').toString('base64'),
  '/keys/bad\nname': 'x',
  '/keys/below/bad\nname/x': 'x',
};
const instance = 'service("web").instances[0]';
const TOLD = 'holds a line break or a control character';

describe('a free value with a line break or a control character', () => {
  it.each([
    ['getv', '{{ getv("/haproxy/lines") }}', 'the value of "/haproxy/lines"'],
    ['getv, unused', '{% set x = getv("/haproxy/lines") %}', 'the value of "/haproxy/lines"'],
    ['get', '{{ get("/haproxy/lines").value }}', 'the value of "/haproxy/lines"'],
    ['gets', '{% for p in gets("/haproxy/*") %}{{ p.value }}{% endfor %}', 'the value of "/haproxy/json"'],
    ['getvs', '{{ getvs("/haproxy/l*") | join }}', 'the value of "/haproxy/lines"'],
    ['gets, the key', '{% for p in gets("/keys/*") %}{{ p.key }}{% endfor %}', 'the key "/keys/bad\\nname"'],
    ['ls', '{% for p in ls("/keys") %}{{ p }}{% endfor %}', 'the key "/keys/bad\\nname"'],
    ['lsdir', '{% for p in lsdir("/keys/below") %}{{ p }}{% endfor %}', 'the key "/keys/below/bad\\nname"'],
    ['the meta of an instance', `{{ ${instance}.meta.note }}`, 'meta of /services/web/a, field .note,'],
    ['deep meta', `{{ ${instance}.meta.deep.list[0] }}`, 'meta of /services/web/a, field .deep.list[1],'],
    [
      'meta in a loop',
      `{% for k, v in ${instance}.meta %}{{ k }}{% endfor %}`,
      'meta of /services/web/a, field .note,',
    ],
    ['meta as JSON', `{{ ${instance}.meta | dump }}`, 'meta of /services/web/a, field .note,'],
    ['meta by its name', `{{ ${instance}.meta["no" ~ "te"] }}`, 'meta of /services/web/a, field .note,'],
    [
      'meta before default',
      `{{ ${instance}.meta.note | default("x") }}`,
      'meta of /services/web/a, field .note,',
    ],
    [
      'meta through a filter',
      `{{ service("web").instances | join(" ", "meta.note") }}`,
      'meta of /services/web/a, field .note,',
    ],
    [
      'the name of a field of meta',
      '{% for k, v in service("web").meta %}{{ k }}{% endfor %}',
      'meta of service web, field ."bad\\nname",',
    ],
    ['half of a character', '{{ getv("/haproxy/z-half") }}', 'the value of "/haproxy/z-half"'],
    ['half of one in JSON', '{{ json(getv("/haproxy/z-half-json")).a }}', 'what json gives, at .a,'],
    ['json', '{{ json(getv("/haproxy/evil")).a.b }}', 'what json gives, at .a.b,'],
    ['json of a raw value', '{{ json(getRaw("/haproxy/evil")).a.b }}', 'what json gives, at .a.b,'],
    [
      'json, the name of a field',
      '{{ json(getv("/haproxy/evil-name")) | dump }}',
      'what json gives, at ."a\\n",',
    ],
    ['base64Decode', '{{ base64Decode(getv("/haproxy/base64")) }}', 'what base64Decode gives'],
  ])('is refused at its use: %s', async (_, text, message) => {
    const told = await fault(text, { tree });
    expect(told).toMatch(/^template main\.njk, line 1/);
    expect(told).toContain(message);
    expect(told).toContain(TOLD);
  });

  it('hurts nothing that leaves it alone', async () => {
    const text = [
      `{{ ${instance}.meta.ok }} {{ ${instance}.address }} {{ service("web").meta.ok }}`,
      '{{ getv("/haproxy/good") }} {{ exists("/haproxy/lines") }}',
      '{% for p in gets("/haproxy/lines") %}{{ p.key }}{% endfor %}',
    ];
    expect(await render(text.join(' '), { tree })).toBe('yes 10.0.0.1:80 yes fine true /haproxy/lines');
  });

  it('comes as it is from getRaw', async () => {
    expect(await render('{{ getRaw("/haproxy/lines") }}', { tree })).toBe('a\n  bind :1');
    expect(await render('{{ getRaw("/none", "x") }}', { tree })).toBe('x');
    expect(await render('{{ json(getRaw("/haproxy/json")).a }}', { tree })).toBe('1');
  });
});

describe('values', () => {
  it('never become templates', async () => {
    const evil = '{{ 7*7 }}{% raw %}{# #}';
    const given = {
      tree: { '/haproxy/a': evil, '/services/web/a': { host: '10.0.0.1', port: 80, meta: { a: evil } } },
      vars: { a: evil },
    };
    const text = `{{ getv("/haproxy/a") }}|{{ vars.a }}|{{ ${instance}.meta.a }}|{{ vars.a ~ "" }}|{{ vars.a | trim }}`;
    expect(await render(text, given)).toBe(Array(5).fill(evil).join('|'));
  });
  it('are not escaped', async () => {
    expect(await render('{{ vars.a }}', { vars: { a: `<&"'>\\` } })).toBe(`<&"'>\\`);
  });
});

describe('a line break or a control character that is not from the store', () => {
  const node = { hostname: 'h', env: { BAD: 'a\nb', GOOD: 'x' } };
  const vars = { ping: 'PING\r\n', lines: ['a', 'b'], good: 'x', deep: { a: { b: 'a\tb' } } };

  it.each([
    ['vars', '{{ vars.ping }}', 'vars of the settings, field .ping,'],
    ['vars in a set', '{% set x = vars.ping %}', 'vars of the settings, field .ping,'],
    ['deep in vars', '{{ vars.deep.a.b }}', 'vars of the settings, field .deep.a.b,'],
    ['vars in a memo', '{% memo vars %}{{ vars.ping }}{% endmemo %}', 'field .ping,'],
    ['node.env', '{{ node.env.BAD }}', 'a variable of the environment, field .BAD,'],
    ['getenv', '{{ getenv("BAD") }}', 'a variable of the environment, field .BAD,'],
  ])('is refused at its use: %s', async (_, text, message) => {
    const told = await fault(text, { vars, node });
    expect(told).toMatch(/^template main\.njk, line 1/);
    expect(told).toContain(message);
    expect(told).toContain(TOLD);
  });

  it('hurts nothing that leaves it alone, and lines in a list are joined', async () => {
    const text = '{{ vars.good }} {{ node.env.GOOD }} {{ getenv("GOOD") }} {{ vars.lines | join("\\n") }}';
    expect(await render(text, { vars, node })).toBe('x x x a\nb');
  });

  it.each([
    ['{% set ping = "PING\\r\\n" %}{{ ping }}', 'the text "PING\\r\\n" holds a control character'],
    ['{{ "PING\\r\\n" }}', 'holds a control character'],
    ['{{ "a" ~ "\\r" }}', 'holds a control character'],
    ['{{ vars.x | default("\\r") }}', 'holds a control character'],
    ['{% for x in ["a\\r"] %}{{ x }}{% endfor %}', 'holds a control character'],
    ['{% macro m(a="\\r") %}{{ a }}{% endmacro %}', 'holds a control character'],
    ['{% set ping = "PING\\n" %}{{ ping }}', 'the text "PING\\n" holds a line break'],
  ])('is refused when the template is loaded: %s', async (text, message) => {
    const told = await fault(text);
    expect(told).toMatch(/^template main\.njk, line 1: /);
    expect(told).toContain(message);
    expect(told).toContain('two backslashes');
  });

  it('names what to write instead', async () => {
    expect(await fault('{% set ping = "PING\\r\\n" %}')).toContain('two backslashes: "PING\\\\r\\\\n"');
    expect(await render('{% set ping = "PING\\\\r\\\\n" %}{{ ping }}')).toBe('PING\\r\\n');
  });

  it.each([
    ['{{ ["a", "b"] | join("\\n  x ") }}', 'a\n  x b'],
    ['{% set nl = "\\n" %}{{ "a" ~ nl ~ "b" }}', 'a\nb'],
    ['{% set sep = "\\n  acl " %}{{ sep }}', '\n  acl '],
    ['{{ "a\\nb" }}', 'a\nb'],
    ['{{ getRaw("/haproxy/crlf") | replace("\\r", "") }}', 'a\nb'],
    ['{{ contains("a", "\\r") }} {{ "a" == "\\r" }}', 'false false'],
    ['{% set x %}a\nb{% endset %}{{ x }}', 'a\nb'],
  ])('is fine where it is meant: %s', async (text, expected) => {
    expect(await render(text, { tree: { '/haproxy/crlf': 'a\r\nb' } })).toBe(expected);
  });
});
