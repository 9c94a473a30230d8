import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Catalog, type CatalogOptions } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { shorten } from '../../src/model/shorten.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';
import { writeTree } from '../../src/sources/write-tree.ts';
import { PACKAGED_TEMPLATE, readTemplateSet } from '../../src/templates/read-template-set.ts';
import { renderTree } from '../golden/render-case.ts';
import { OPTIONS } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { arbitraryTree, arbitraryVars } from './arbitrary-tree.ts';
import { parsePackaged } from './packaged-grammar.ts';

const template = compileTemplate(await readTemplateSet(PACKAGED_TEMPLATE));
const CONTEXT = {
  node: { hostname: 'host', env: {} },
  haproxy: { version: '', statsSocket: '/run/s.sock', masterSocket: '', serverState: '' },
};
const shape = OPTIONS.grammar.prefixes;

type Vars = Readonly<Record<string, unknown>>;

function catalogOf(entries: readonly Entry[], vars: Vars): Catalog {
  const catalog = new Catalog(optionsOf(vars));
  catalog.replace(entries);
  return catalog;
}

function optionsOf({ defaultRoutes, domain }: Vars): CatalogOptions {
  const kind = defaultRoutes as 'domain' | 'any' | 'none';
  return { ...OPTIONS, defaultRoutes: { kind, domain: typeof domain === 'string' ? domain : null } };
}

const render = (catalog: Catalog, vars: Vars) =>
  template.render({ catalog, tree: catalog.tree, ...CONTEXT, vars });

test('any tree gives only what the grammar of the packaged template gives, and only the servers that are registered', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTree, arbitraryVars, async (entries, vars) => {
      const catalog = catalogOf(entries, vars);
      const { foreign, sections, servers } = parsePackaged(await render(catalog, vars));
      expect(foreign).toEqual([]);
      expect(new Set(sections).size).toBe(sections.length);
      const wanted = catalog.services.map(
        ({ name, instances }) => [name, instances.map(({ id, address }) => `${id} ${address}`)] as const,
      );
      expect([...servers]).toEqual(wanted);
    }),
    { numRuns: 400 },
  );
});

test('any tree: what is not shown is rejected by its key, with a reason, and fit for a terminal', () => {
  const entry = { source: 0, created: 1n, modified: 1n };
  const twins: Entry[] = [
    { ...entry, key: '/services/Z/a', value: 'a:1' },
    { ...entry, key: '/services/z/a', value: 'b:1', created: 2n },
  ];
  fc.assert(
    fc.property(arbitraryTree, arbitraryVars, (entries, vars) => {
      const catalog = catalogOf(entries, vars);
      const shown = new Set(catalog.services.flatMap((s) => s.instances.map((i) => i.key)));
      // Of a service that is served, only the hosts that its name gives it may go to another one: its oldest key says so.
      const isHost = (reason: string) => reason.includes("follows from the service's name");
      const rejected = new Set(catalog.rejected.map(({ key }) => key));
      for (const { key, reason } of catalog.rejected) {
        expect(shown.has(key) && !isHost(reason), `${key}: ${reason}`).toBe(false);
      }
      for (const { key, value } of entries) {
        if (!key.startsWith('/services/') || value === '' || key.endsWith('/')) {
          continue;
        }
        expect(shown.has(key) || rejected.has(shorten(key, 1024)), key).toBe(true);
      }
      for (const { key, reason, value, other } of catalog.rejected) {
        expect(key !== '' && reason !== '').toBe(true);
        expect(`${key}${reason}${value}${other ?? ''}`).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }
    }),
    { numRuns: 400, examples: [[twins, { defaultRoutes: 'domain', nameservers: ['127.0.0.1:53'] }]] },
  );
});

test('any tree, read as a file, renders to what every HAProxy accepts without a warning', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'haproxy.cfg');
  await fc.assert(
    fc.asyncProperty(arbitraryTree, arbitraryVars, async (entries, vars) => {
      const { text } = await renderTree(writeTree(entries, shape), JSON.stringify({ vars }));
      await writeFile(file, text);
      for (const haproxy of haproxyVersions) {
        const { exitCode, stderr } = await execa(haproxy.path, ['-dW', '-c', '-f', file], { reject: false });
        expect(exitCode, `${haproxy.name}: ${stderr}\n${writeTree(entries, shape)}`).toBe(0);
      }
    }),
    { numRuns: 40 },
  );
});

test('any tree renders to the same bytes whatever the order of the puts, and from its own dump', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTree, arbitraryVars, fc.nat(), async (entries, vars, seed) => {
      const expected = await render(catalogOf(entries, vars), vars);
      const shuffled = entries
        .map((one, at) => ({ one, rank: (at * 7919 + seed) % 101 }))
        .sort((a, b) => a.rank - b.rank);
      const grown = new Catalog(optionsOf(vars));
      for (const { one } of shuffled) {
        grown.apply([{ kind: 'put', entry: one }]);
      }
      expect(await render(grown, vars)).toBe(expected);
      const read = parseTreeEntries(writeTree(entries, shape), { file: 'dump.yaml', shape, index: 0 });
      expect(await render(catalogOf(read, vars), vars)).toBe(expected);
    }),
    { numRuns: 150 },
  );
});

test('the grammar notices a line, a token and a section too many', async () => {
  const { text } = await renderTree('{"services":{"web":{"a":"10.0.0.1:80"}}}');
  expect(parsePackaged(text).foreign).toEqual([]);
  for (const [good, bad] of [
    ['  server a 10.0.0.1:80 check', '  server a 10.0.0.1:80 check disabled'],
    ['  server a 10.0.0.1:80 check', '  server a 10.0.0.1:80 check\u2028  server b 10.0.0.2:80 check'],
    ['  server a 10.0.0.1:80 check', '  server a 10.0.0.1:80 check\n  http-request deny'],
    ['\nbackend be_web', '\nlisten x\nbackend be_web'],
    ['be_web', 'be_web$'],
  ] as const) {
    expect(text).toContain(good);
    expect(parsePackaged(text.replace(good, bad)).foreign, bad).not.toEqual([]);
  }
});
