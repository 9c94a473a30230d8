import { describe, expect, it } from 'vitest';
import { TemplateError } from '../../src/errors.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { compile, fault, inputOf } from '../support/render.ts';

describe('an error at load', () => {
  it.each([
    [
      'an unclosed tag',
      'a\n{% for s in services %}\n{{ s.name }}\n',
      'line 2: {% for %} is never closed: {% endfor %} is missing',
    ],
    [
      'an unclosed tag in another',
      'a\n{% if true %}\n{% for s in services %}\n{% endif %}',
      'line 4: {% endif %} comes while {% for %} of line 3 is open',
    ],
    ['an end without a beginning', 'a\nb\n{% endif %}', 'line 3: {% endif %} ends nothing'],
    ['an unclosed expression', 'a\n{{ node.hostname\nb', 'line 3: expected }}'],
    ['an unclosed comment', 'a\n{# b\nc', 'line 2: a {# begins a comment that never ends'],
    ['an unclosed raw', 'a\n{% raw %}\n{{ x', 'line 2: {% raw %} is never closed'],
    ['a syntax error', 'a\n{{ 1 + }}', 'line 2: an expression is missing before }}'],
    ['an end inside of a tag', 'a\n{%', 'line 2: the template ends inside of a tag'],
    ['a list without commas', 'a\n{{ [1 2] }}', 'line 2: expected comma after expression'],
    ['an unknown tag', 'a\n{% iff true %}', 'line 2: unknown block tag: iff'],
    [
      'an unknown filter',
      'a\n\n{{ "a" | uper }}',
      'line 3: there is no filter "uper"\ndid you mean "upper"?',
    ],
    [
      'an unknown filter in a macro that nobody calls',
      '{% macro m(a) %}\n{{ a | uper }}{% endmacro %}',
      'line 2: there is no filter "uper"',
    ],
    [
      'an unknown test',
      'a\n{% if 1 is od %}{% endif %}',
      'line 2: there is no test "od"\ndid you mean "odd"?',
    ],
    ['random', 'a\n{{ [1] | random }}', 'line 2: the filter "random" is left out'],
    [
      'an unknown name',
      'a\n{{ servics }}',
      'line 2: there is no "servics"\ndid you mean "service" or "services"?',
    ],
    [
      'an unknown name on a line that is not rendered',
      '{% if false %}\n{{ servics }}{% endif %}',
      'line 2: there is no "servics"',
    ],
    ['several unknown names', '{{ aa }}\n{{ bb }}{{ aa }}', 'line 1: there is no "aa", nor "bb" (line 2)'],
    ['an unknown name that is asked for', '{% if typo is defined %}{% endif %}', 'there is no "typo"'],
    [
      'a name of a loop after it',
      '{% for s in services %}{% endfor %}\n{{ s.name }}',
      'line 2: "s" has no value here: it is given one inside a loop',
    ],
    [
      'a name set in a loop after it',
      '{% for s in services %}{% set x = 1 %}{% endfor %}\n{{ x }}',
      'line 2: "x" has no value here',
    ],
    [
      'a name of a loop in a macro',
      '{% for s in services %}{% macro m() %}{{ s.name }}{% endmacro %}{% endfor %}',
      '"s" has no value here',
    ],
    ['a macro of another file without import', '{{ server("a") }}', 'there is no "server"'],
    [
      'a comparison of three',
      '{% if 1 < 2 < 3 %}{% endif %}',
      'compares more than two values\njoin the parts by and',
    ],
    ['operators of other languages', '{% if true && false %}{% endif %}', 'main.njk, line 1'],
    ['a name that is none', '{{ a"b }}', '"a"b" is no name'],
    [
      'asynchronous tags',
      '{% asyncEach s in services %}{% endeach %}',
      'asynchronous tags are left out\nuse {% for %}',
    ],
    ['a set of a field', '{% set vars.x = 1 %}', 'a plain name is expected\nwrite {% set name = … %}'],
    [
      'a block twice',
      '{% block a %}{% endblock %}{% block a %}{% endblock %}',
      'the block "a" is there twice',
    ],
    ['super outside of a block', '{{ super() }}', 'super() stands outside of a block'],
    [
      'extends inside of a tag',
      '{% for s in services %}{% extends "main.njk" %}{% endfor %}',
      '{% extends %} stands inside of another tag',
    ],
    [
      'an include of nothing',
      'a\n{% include "parts/htp.njk" %}',
      'line 2, `{% include … %}`: there is no file "parts/htp.njk" in the template folder\ndid you mean "parts/http.njk"?',
    ],
    [
      'an include from outside',
      '{% include "../../etc/hostname" %}',
      '"../../etc/hostname" leads out of the template folder',
    ],
    [
      'an include from the root',
      '{% include "/etc/hostname" %}',
      '"/etc/hostname" leads out of the template folder',
    ],
    [
      'lookupIP of confd',
      '{{ lookupIP("a") }}',
      'lookupIP of confd is left out\nit would differ from host to host: use a host name and a `resolvers` section',
    ],
    [
      'datetime of confd',
      '{{ datetime() }}',
      'datetime of confd is left out\nit would make every rendering differ',
    ],
    [
      'fileExists of confd',
      '{{ fileExists("a") }}',
      'fileExists of confd is left out\nit would differ from host to host',
    ],
  ])('names file and line: %s', (_, text, message) => {
    const files = { 'parts/http.njk': '' };
    expect(() => compile(text, files)).toThrow(TemplateError);
    return expect(fault(text, { files })).resolves.toContain(message);
  });

  it('names the included file, though it is reached by another one', async () => {
    const files = { 'a.njk': '{% include "b.njk" %}', 'b.njk': 'x\n{% if %}' };
    expect(await fault('{% include "a.njk" %}', { files })).toMatch(/^template b\.njk, line 2/);
  });

  it('names the included file where only rendering says its name', async () => {
    const files = { 'b.njk': '{% if %}' };
    expect(await fault('{% include node.hostname ~ ".njk" %}', { files })).toMatch(
      /^template b\.njk, line 1/,
    );
  });

  it('is none for files that nothing names: they may be other templates, or no templates', async () => {
    expect(await fault('fine', { files: { 'old.njk': '{% if', 'README.md': '{{ }}' } })).toBe(
      'rendered: fine',
    );
  });

  it('says which template is missing', () => {
    const files = new Map([['main.njk', '']]);
    expect(() => compileTemplate({ folder: '/t', entry: 'mian.njk', files })).toThrow(
      'template mian.njk: there is no file "mian.njk" in the template folder',
    );
  });
});

describe('an error while rendering', () => {
  const nl = 'x\n'.repeat(4);
  it.each([
    ['a lookup', '{{ vars.x }}', {}, 'main.njk, line 5, `vars.x`'],
    [
      'a function that throws',
      '{{ getv("/a") }}',
      {},
      'main.njk, line 5, `getv("/a")`: there is no key "/a"',
    ],
    ['a function over two lines', '{{\n getv("/a") }}', {}, 'main.njk, line 6, `getv("/a")`'],
    ['a filter that throws', '{{ 5 | upper }}', {}, 'main.njk, line 5, `5 | upper`'],
    ['a test that throws', '{% if 5 is lower %}{% endif %}', {}, 'main.njk, line 5, `5 is lower`'],
    ['a sum', '{{ vars.a * 2 }}', {}, 'main.njk, line 5, `vars.a * 2`: the text "z" is no number'],
    [
      'a call of what is no function',
      '{{ vars.a() }}',
      {},
      'main.njk, line 5, `vars.a()`: cannot call the text "z"',
    ],
    ['an included file', '{% include "b.njk" %}', { 'b.njk': '\n\n{{ vars.x }}' }, 'b.njk, line 3, `vars.x`'],
    [
      'after an include',
      '{% include "b.njk" %}{{ vars.x }}',
      { 'b.njk': 'fine' },
      'main.njk, line 5, `vars.x`',
    ],
    [
      'a function after an include',
      '{% include "b.njk" %}\n{{ getv("/a") }}',
      { 'b.njk': 'fine' },
      'main.njk, line 6, `getv("/a")`',
    ],
    [
      'a macro of another file',
      '{% import "b.njk" as b %}{{ b.m() }}',
      { 'b.njk': '\n{% macro m() %}\n{{ vars.x }}{% endmacro %}' },
      'b.njk, line 3, `vars.x`',
    ],
    [
      'a function in a macro of another file',
      '{% from "b.njk" import m %}{{ m() }}',
      { 'b.njk': '{% macro m() %}\n{{ getv("/a") }}{% endmacro %}' },
      'b.njk, line 2, `getv("/a")`',
    ],
    [
      'a block of another file',
      '{% extends "b.njk" %}{% block c %}{{ vars.x }}{% endblock %}',
      { 'b.njk': '{% block c %}{% endblock %}' },
      'main.njk, line 5, `vars.x`',
    ],
    [
      'what is around a block',
      '{% extends "b.njk" %}',
      { 'b.njk': '\n{{ vars.x }}' },
      'b.njk, line 2, `vars.x`',
    ],
    [
      'the body of a call',
      '{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}\n{{ vars.x }}{% endcall %}',
      {},
      'main.njk, line 6, `vars.x`',
    ],
    ['a line after raw', '{% raw %}\n{{ }}\n{% endraw %}\n{{ vars.x }}', {}, 'main.njk, line 8, `vars.x`'],
    [
      'an import of what is not there',
      '{% from "b.njk" import n %}',
      { 'b.njk': '' },
      'main.njk, line 5, `{% from … import n %}`: that template has no "n"',
    ],
    [
      'an include whose name is no text',
      '{% include vars.n %}',
      {},
      'main.njk, line 5, `{% include %}`: the name of a template is a text, not the number 5',
    ],
    [
      'an include that is not there',
      '{% include vars.a %}',
      {},
      'main.njk, line 5, `{% include %}`: there is no file "z"',
    ],
    [
      'an include that leads out',
      '{% include "../" ~ vars.a %}',
      {},
      'main.njk, line 5, `{% include %}`: "../z" leads out of the template folder',
    ],
    [
      'a macro without end',
      '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
      {},
      'Maximum call stack size exceeded',
    ],
  ])('names file, line and expression: %s', async (_, text, files, message) => {
    expect(await fault(nl + text, { files, vars: { a: 'z', n: 5 } })).toContain(message);
  });

  it('names the file of an include of itself without end, and the line where the stack has room for that', async () => {
    const files = { 'b.njk': '{% include "b.njk" %}' };
    expect(await fault('{% include "b.njk" %}', { files })).toMatch(
      /(?:template b\.njk|b\.njk, line 1, `{% include %}`): Maximum call stack size exceeded/,
    );
  });

  it('rejects, and never brings the process down a tick later', async () => {
    const crashes: unknown[] = [];
    const note = (error: unknown) => crashes.push(error);
    process.on('uncaughtException', note).on('unhandledRejection', note);
    const files = { 'b.njk': '{{ getv("/a") }}' };
    const template = compile('{% include node.hostname %}{% include "b.njk" %}', files);
    await expect(template.render(inputOf())).rejects.toBeInstanceOf(TemplateError);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtException', note).off('unhandledRejection', note);
    expect(crashes).toEqual([]);
  });

  it('leaves the template fit for the next render', async () => {
    const template = compile(
      '{% for s in services %}{% memo s %}{{ s.name }}{{ vars.x }}{% endmemo %}{% endfor %}',
    );
    const tree = { '/services/web/a': '10.0.0.1:80' };
    await expect(template.render(inputOf({ tree }))).rejects.toThrow('vars.x');
    expect(await template.render(inputOf({ tree, vars: { x: 1 } }))).toBe('web1');
  });

  it('keeps what was thrown as its cause', async () => {
    const error = await compile('{{ 5 | upper }}')
      .render(inputOf())
      .catch((e: unknown) => e as Error);
    expect(error).toMatchObject({ name: 'TemplateError', code: 'template', cause: expect.any(TypeError) });
  });
});
