import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { Catalog, type CatalogOptions } from '../../src/model/catalog.ts';
import type { Rejection } from '../../src/model/service.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { settingsSchema } from '../../src/settings/schema.ts';
import { parseTreeEntries } from '../../src/sources/tree-file.ts';
import { PACKAGED_TEMPLATE, readTemplateSet } from '../../src/templates/read-template-set.ts';

const HERE = new URL('./', import.meta.url);

/** What came of a golden folder. */
export interface Rendered {
  readonly text: string;
  readonly rejected: readonly Rejection[];
}

/** Renders `test/golden/<name>` as the program does: tree.yaml (or tree.ts), settings.yaml and template.njk. */
export async function renderCase(name: string): Promise<Rendered> {
  const folder = new URL(`${name}/`, HERE);
  const settings = new URL('settings.yaml', folder);
  const template = fileURLToPath(new URL('template.njk', folder));
  return renderTree(
    await treeOf(folder),
    existsSync(settings) ? await readFile(settings, 'utf8') : '',
    existsSync(template) ? template : PACKAGED_TEMPLATE,
  );
}

/** Renders a tree (YAML) with settings (YAML) and the packaged template, or the template of a path, for a HAProxy. */
export async function renderTree(
  tree: string,
  settings = '',
  template: string = PACKAGED_TEMPLATE,
  version = '',
): Promise<Rendered> {
  const given = (parse(settings) ?? {}) as Record<string, unknown>;
  const { prefixes, haproxy, vars, ...rest } = settingsSchema.parse({
    ...given,
    sources: [{ file: { path: '/tree.yaml' } }],
  });
  const catalog = new Catalog({
    grammar: {
      prefixes,
      reservedPorts: new Map(vars.bind === undefined ? [[80, 'the shared frontend']] : []),
    },
    duplicateAddresses: rest.duplicateAddresses,
    defaultRoutes: defaultRoutesOf(vars),
  });
  catalog.replace(parseTreeEntries(tree, { file: 'tree.yaml', shape: prefixes, index: 0 }));
  const compiled = compileTemplate(await readTemplateSet(template));
  const text = await compiled.render({
    catalog,
    tree: catalog.tree,
    node: { hostname: 'host-1', env: {} },
    haproxy: {
      version,
      statsSocket: haproxy.statsSocket,
      masterSocket: haproxy.masterSocket,
      serverState: '',
    },
    vars,
  });
  return { text, rejected: catalog.rejected };
}

function defaultRoutesOf(vars: Readonly<Record<string, unknown>>): CatalogOptions['defaultRoutes'] {
  const kind = vars.defaultRoutes === 'any' || vars.defaultRoutes === 'none' ? vars.defaultRoutes : 'domain';
  return { kind, domain: typeof vars.domain === 'string' ? vars.domain : null };
}

async function treeOf(folder: URL): Promise<string> {
  const module = new URL('tree.ts', folder);
  if (!existsSync(module)) {
    return readFile(new URL('tree.yaml', folder), 'utf8');
  }
  const { tree } = (await import(fileURLToPath(module))) as { tree: string };
  return tree;
}
