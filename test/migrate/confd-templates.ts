import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Catalog } from '../../src/model/catalog.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';

const FOLDER = new URL('confd/', import.meta.url);
const KEYS = fileURLToPath(new URL('keys.json', FOLDER));
/** What the templates find in their environment. */
export const ENVIRONMENT = { MIGRATE_SERVICE: 'web' };

/** A template of confd's and what confd makes of it with the keys of `confd/keys.json`. */
export interface ConfdTemplate {
  readonly file: string;
  readonly text: string;
  readonly prefix: string;
  readonly expected: string;
}

/**
 * The templates of `confd/`, in the shapes that public ones have, each with the text that Go's text/template and confd's functions made
 * of it. With CONFD_ORACLE, a program that is called with template, prefix and keys, that text is made anew.
 */
export function confdTemplates(): readonly ConfdTemplate[] {
  const oracle = process.env.CONFD_ORACLE;
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.tmpl'))
    .map((file) => {
      const path = new URL(file, FOLDER);
      const prefix = file === 'prefix.tmpl' ? '/production' : '/';
      const expected =
        oracle === undefined
          ? readFileSync(new URL(file.replace(/tmpl$/, 'expected'), FOLDER), 'utf8')
          : execFileSync(oracle, [fileURLToPath(path), prefix, KEYS], {
              env: { ...process.env, ...ENVIRONMENT },
              encoding: 'utf8',
            });
      return { file, text: readFileSync(path, 'utf8'), prefix, expected };
    });
}

/** What a nunjucks text makes of the same keys, all of them free keys. */
export function renderWithKeys(text: string): Promise<string> {
  const catalog = new Catalog({
    grammar: { prefixes: { services: ['/-/services'], routes: ['/-/routes'], keys: ['/'] } },
    duplicateAddresses: 'newest',
    defaultRoutes: { kind: 'none', domain: null },
  });
  const keys = JSON.parse(readFileSync(KEYS, 'utf8')) as Record<string, string>;
  const origin = { source: 0, created: 0n, modified: 0n };
  catalog.replace(Object.entries(keys).map(([key, value]) => ({ key, value, ...origin })));
  return compileTemplate({
    folder: '/templates',
    entry: 'main.njk',
    files: new Map([['main.njk', text]]),
  }).render({
    catalog,
    tree: catalog.tree,
    node: { hostname: 'host-1', env: ENVIRONMENT },
    haproxy: { version: '', statsSocket: '', masterSocket: '', serverState: '' },
    vars: {},
  });
}
