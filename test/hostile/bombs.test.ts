import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SourceError } from '../../src/errors.ts';
import { Catalog } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { serverIds } from '../../src/model/server-ids.ts';
import { settingsSchema } from '../../src/settings/schema.ts';
import { openSources } from '../../src/sources/open-sources.ts';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';
import { writeTree } from '../../src/sources/write-tree.ts';
import { catalogOf, entry, OPTIONS } from '../support/catalog.ts';
import { render } from '../support/render.ts';

const MEGABYTE = 2 ** 20;
const NEVER = new AbortController().signal;
const { limits } = settingsSchema.parse({ sources: [{ file: { path: '/x' } }] });

/** Runs `work`, and fails where it cost more of the processor than anybody would wait for. */
async function timed<T>(work: () => T | Promise<T>, most = 5): Promise<T> {
  const before = process.cpuUsage();
  const result = await work();
  const { user } = process.cpuUsage(before);
  expect(user / 1e6).toBeLessThan(most);
  return result;
}

describe('a JSON bomb', () => {
  const deep = (open: string, close: string, count: number) => open.repeat(count) + close.repeat(count);
  const bombs: Record<string, string> = {
    'a million lists deep': `{"host":"10.0.0.1","port":80,"x":${deep('[', ']', 500_000)}}`,
    'a hundred thousand objects deep': `{"host":"10.0.0.1","port":80,"meta":{"a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}}`,
    'never closed': '{"a":'.repeat(200_000),
    'a long number': `{"host":"10.0.0.1","port":${'9'.repeat(MEGABYTE)}}`,
    'a long host': `{"host":"${'a.'.repeat(MEGABYTE / 2)}b","port":80}`,
    'a long status': `{"check":{"status":"${'200,'.repeat(50_000)}200"}}`,
    'one space and a megabyte': ' '.repeat(MEGABYTE),
    'colons and digits': ':1'.repeat(MEGABYTE / 2),
    'a label that never ends': `${'a-'.repeat(MEGABYTE / 2)}:80`,
  };
  test.each(Object.entries(bombs))('%s is rejected, quickly', async (_, value) => {
    const tree = { '/services/web/a': value, '/routes/web': value, '/services/web/b': '10.0.0.2:80' };
    const catalog = await timed(() => catalogOf(tree));
    expect(catalog.rejected.map(({ key }) => key)).toContain('/services/web/a');
    expect(catalog.services[0]?.instances.map(({ id }) => id)).toEqual(['b']);
  });

  test('with a hundred thousand fields is taken, or refused by its size', async () => {
    const fields = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`f${at}`, at]));
    const value = { host: '10.0.0.1', port: 80, ...fields, meta: fields };
    const catalog = await timed(() => catalogOf({ '/services/web/a': value }));
    expect(catalog.services[0]?.instances[0]?.meta.f49999).toBe(49_999);
    const source = openSources(
      { sources: [], prefixes: OPTIONS.grammar.prefixes, limits },
      { from: '-', stdin: Readable.from([JSON.stringify({ services: { web: { a: value } } })]) },
    )[0];
    const [only] = (await source?.read(NEVER)) ?? [];
    expect(only?.refused).toContain('limits.valueBytes (262144)');
  });

  test('in a free key is an error of the template that reads it, and no crash', async () => {
    const bomb = deep('[', ']', 500_000);
    await expect(
      render('{{ json(getv("/haproxy/x")) }}', { tree: { '/haproxy/x': `{"a":${bomb}}` } }),
    ).rejects.toThrow(/template main\.njk/);
  });
});

describe('what prototypes are made of', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

  test('are names like any other, and change no prototype', async () => {
    const evil =
      '{"host":"10.0.0.1","port":80,"__proto__":{"drain":true,"polluted":1},"constructor":{"prototype":{"polluted":1}},"meta":{"__proto__":{"polluted":1}}}';
    const tree = Object.fromEntries(
      names.flatMap((name) => [
        [`/services/${name}/${name}`, evil.replace('0.1', `0.${names.indexOf(name) + 1}`)],
        [
          `/routes/${name}`,
          '{"hosts":["x.example.com"],"__proto__":{"mode":"tcp"},"timeouts":{"__proto__":"1s"}}',
        ],
      ]),
    );
    const catalog = catalogOf(tree);
    expect(catalog.services.map(({ name, mode }) => `${name} ${mode}`)).toEqual(
      names.toSorted().map((name) => `${name} http`),
    );
    expect(catalog.services.every(({ instances }) => instances[0]?.drain === false)).toBe(true);
    // biome-ignore lint/suspicious/noExplicitAny: whatever an attack might have put there
    expect(({} as any).polluted).toBeUndefined();
    expect(
      await render('{% for s in services %}{{ s.instances[0].meta.polluted is defined }} {% endfor %}', {
        tree,
      }),
    ).toBe('false '.repeat(names.length));
  });

  test('give a template nothing of JavaScript', async () => {
    for (const name of names) {
      await expect(
        render(`{{ services[0].meta.${name} }}`, { tree: { '/services/web/a': '10.0.0.1:80' } }),
      ).rejects.toThrow();
    }
  });
});

test('no value is ever evaluated as a template', async () => {
  const value = '{{ 7 * 7 }}{% include "/etc/passwd" %}{# x #}{% raw %}';
  const tree = {
    '/haproxy/x': value,
    '/services/web/a': { host: '10.0.0.1', port: 80, meta: { x: value } },
  };
  const uses = [
    'getv("/haproxy/x")',
    'getRaw("/haproxy/x")',
    'gets("/haproxy/*")[0].value',
    'services[0].instances[0].meta.x',
    'toJson(getv("/haproxy/x")) | replace("\\"", "") | replace("\\\\", "\\"")',
    'replace(getv("/haproxy/x"), "7", "8", -1) | replace("8", "7")',
    'getv("/haproxy/x") | safe',
    'indent(2, getv("/haproxy/x")) | trim',
  ];
  for (const use of uses) {
    const text = await render(`{% macro m(v) %}{{ v }}{% endmacro %}{{ ${use} }}|{{ m(${use}) }}`, { tree });
    expect(
      text.split('|').every((part) => part.includes('{{ 7 * 7 }}') && part.includes('{% raw %}')),
      text,
    ).toBe(true);
  }
  await expect(render('{% include getv("/haproxy/x") %}', { tree })).rejects.toThrow();
});

describe('very many keys', () => {
  const many = (make: (at: number) => Entry) => Array.from({ length: 100_000 }, (_, at) => make(at));

  test('100,000 instances of one address: the newest keeps it, and each further change is quick', async () => {
    const catalog = new Catalog(OPTIONS);
    await timed(
      () => catalog.replace(many((at) => entry(`/services/s${at % 100}/i${at}`, '10.0.0.1:80', at))),
      15,
    );
    const live = catalog.services.flatMap(({ instances }) => instances.map(({ id }) => id));
    expect(live).toEqual(['i99999']);
    await timed(() =>
      catalog.apply([{ kind: 'put', entry: entry('/services/s0/n', '10.0.0.1:80', 200_000) }]),
    );
    expect(catalog.services.flatMap(({ instances }) => instances.map(({ id }) => id))).toEqual(['n']);
  });

  test('100,000 keys that do not fit are all rejected by name', async () => {
    const catalog = new Catalog(OPTIONS);
    await timed(() => catalog.replace(many((at) => entry(`/services/web/${at}`, `x y${at}`, at))), 15);
    expect(catalog.rejected).toHaveLength(100_000);
  });

  test('more than the limits allow are never held: the memory stays bounded', async () => {
    const small = { ...limits, keys: 1000, totalBytes: MEGABYTE };
    const text = writeTree(
      many((at) => entry(`/services/web/i${at}`, `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:80`)),
      OPTIONS.grammar.prefixes,
    );
    const source = openSources(
      { sources: [], prefixes: OPTIONS.grammar.prefixes, limits: small },
      { from: '-', stdin: Readable.from([text]) },
    )[0];
    const entries = (await timed(() => source?.read(NEVER), 15)) ?? [];
    expect(entries.filter(({ refused }) => refused === undefined)).toHaveLength(1000);
    expect(entries.length).toBeLessThanOrEqual(2000);
  });

  test('ids made to fall on one place of the ring cost no more than others', async () => {
    // All of them hash to few places: found by trying, as anybody could.
    const wanted = new Map<number, string[]>();
    for (let at = 0; at < 200_000; at++) {
      const id = `i${at}`;
      const place = (serverIds([{ id }])[id] ?? 0) >> 10;
      wanted.set(place, [...(wanted.get(place) ?? []), id]);
    }
    const crowd = [...wanted.entries()]
      .sort(([a], [b]) => a - b)
      .slice(0, 300)
      .flatMap(([, ids]) => ids);
    const ids = await timed(() => serverIds(crowd.map((id) => ({ id }))));
    expect(new Set(Object.values(ids)).size).toBe(crowd.length);
  });
});

describe('a file that bites', () => {
  const options = { file: 'x.yaml', shape: OPTIONS.grammar.prefixes, index: 0 };
  const laughs = ['a: &a0 [x,x,x,x,x,x,x,x,x,x]']
    .concat(
      Array.from({ length: 12 }, (_, at) => `k${at}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(',')}]`),
    )
    .join('\n');
  const files: Record<string, string> = {
    'aliases of aliases': laughs,
    'lists too deep': `a: ${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    'maps too deep': `a: ${'{a: '.repeat(50_000)}1${'}'.repeat(50_000)}`,
  };
  test.each(Object.entries(files))('%s: an error that names the file, and no crash', async (_, text) => {
    await timed(() => expect(() => parseTreeEntries(text, options)).toThrow(SourceError), 15);
  });
});
