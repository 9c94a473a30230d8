import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';
import { writeTree } from '../../src/sources/write-tree.ts';
import { entry, OPTIONS } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';

const text = await readFile(new URL('../../templates/haproxy.cfg.njk', import.meta.url), 'utf8');
const template = compileTemplate({
  folder: 'templates',
  entry: 'haproxy.cfg.njk',
  files: new Map([['haproxy.cfg.njk', text]]),
});
const CONTEXT = {
  node: { hostname: 'host', env: {} },
  haproxy: { version: '', statsSocket: '', masterSocket: '' },
  vars: { bind: '127.0.0.1:8080', domain: 'example.com' },
};
const options = { ...OPTIONS, defaultRoutes: { kind: 'any', domain: 'example.com' } } as const;

const render = (catalog: Catalog) => template.render({ catalog, tree: catalog.tree, ...CONTEXT });
const catalogOf = (entries: readonly Entry[]) => {
  const catalog = new Catalog(options);
  catalog.replace(entries);
  return catalog;
};

const hostile = fc.constantFrom(
  'a b',
  'a\nserver x 1.2.3.4:5',
  'a#',
  "a'b",
  'a"b',
  'a\\',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's own syntax
  '${HOME}',
  '%[src]',
  '{{ 7*7 }}',
  '.if 1',
  '\u0000',
  'ü',
  '__proto__',
);
const name = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/) },
  { weight: 1, arbitrary: hostile },
);
const id = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.:-]{1,12}$/) },
  { weight: 1, arbitrary: hostile },
);
const port = fc.integer({ min: 0, max: 65536 });
const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.stringMatching(/^[a-z0-9_-]{1,8}$/), hostile);
const instance = fc.oneof(
  fc.tuple(host, port).map(([h, p]) => (h.includes(':') ? `[${h}]:${p}` : `${h}:${p}`)),
  fc
    .record(
      {
        host,
        port,
        weight: fc.integer({ min: 0, max: 257 }),
        maxconn: fc.integer({ min: 0, max: 1000 }),
        backup: fc.boolean(),
        drain: fc.boolean(),
        tags: fc.array(id, { maxLength: 2 }),
        meta: fc.object({ maxDepth: 1 }),
      },
      { requiredKeys: ['host', 'port'] },
    )
    .map((value) => JSON.stringify(value)),
  hostile,
);
const duration = fc.constantFrom('1s', '500ms', 250, '2m', 'soon', '1s inter 1');
const route = fc
  .record(
    {
      mode: fc.constantFrom('http', 'tcp', 'udp'),
      hosts: fc.array(
        fc.oneof(
          fc.domain(),
          fc.domain().map((d) => `*.${d}`),
          hostile,
        ),
        { maxLength: 3 },
      ),
      paths: fc.array(
        fc.oneof(
          fc.webPath().map((p) => p || '/'),
          fc.constantFrom('/api', '/api/v1/', '/-m', '/{'),
          hostile,
        ),
        { maxLength: 3 },
      ),
      port: fc.integer({ min: 1024, max: 1030 }),
      expose: fc.boolean(),
      balance: fc.constantFrom(
        'roundrobin',
        'static-rr',
        'leastconn',
        'first',
        'random',
        'source',
        'uri',
        'rdp',
      ),
      check: fc.record(
        {
          path: fc.constantFrom('/healthz', '/a?b=c', '/ x', '/%41'),
          interval: duration,
          rise: fc.nat(3),
          fall: fc.nat(3),
          status: fc.constantFrom(200, '200-399', '200,204', '2xx'),
        },
        { requiredKeys: [] },
      ),
      timeouts: fc.dictionary(
        fc.constantFrom(
          'connect',
          'server',
          'client',
          'queue',
          'tunnel',
          'http-request',
          'http-keep-alive',
          'odd',
        ),
        duration,
        { maxKeys: 3 },
      ),
      meta: fc.object({ maxDepth: 1 }),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const pair = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.tuple(name, id).map(([s, i]) => `/services/${s}/${i}`),
      instance,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      name.map((s) => `/routes/${s}`),
      fc.oneof(route, hostile),
    ),
  },
);
const tree = fc
  .uniqueArray(pair, { maxLength: 25, selector: ([key]) => key })
  .map((pairs) => pairs.map(([key, value], at) => entry(key, value, at + 1)));

describe('any tree', () => {
  test('renders to what haproxy -c accepts; what does not fit is rejected by name', async () => {
    await using folder = await tempFolder();
    const candidate = path.join(folder.path, 'haproxy.cfg');
    await fc.assert(
      fc.asyncProperty(tree, async (entries) => {
        const catalog = catalogOf(entries);
        await writeFile(candidate, await render(catalog));
        const { exitCode, stderr } = await execa('haproxy', ['-dW', '-c', '-f', candidate], {
          reject: false,
        });
        expect(exitCode, `${stderr}\n${entries.map((e) => `${e.key} ${e.value}`).join('\n')}`).toBe(0);
        const shown = new Set(catalog.services.flatMap((s) => s.instances.map((i) => i.key)));
        const rejected = new Set(catalog.rejected.map(({ key }) => key));
        for (const { key, value } of entries) {
          if (key.startsWith('/services/') && value !== '' && !key.endsWith('/')) {
            expect(shown.has(key) || rejected.has(key), key).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('renders to the same bytes whatever the order of the puts, and from its own dump', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.nat(), async (entries, seed) => {
        const expected = await render(catalogOf(entries));
        const shuffled = entries
          .map((one, at) => ({ one, rank: (at * 7919 + seed) % 101 }))
          .sort((a, b) => a.rank - b.rank);
        const grown = new Catalog(options);
        for (const { one } of shuffled) grown.apply([{ kind: 'put', entry: one }]);
        expect(await render(grown)).toBe(expected);
        const shape = OPTIONS.prefixes;
        const read = parseTreeEntries(writeTree(entries, shape), { file: 'dump.yaml', shape, index: 0 });
        expect(await render(catalogOf(read))).toBe(expected);
      }),
      { numRuns: 150 },
    );
  });
});
