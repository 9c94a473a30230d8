import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { importsOf, sourceFiles } from './source-file.ts';

const docs = readFileSync(new URL('../../docs/decisions/dependencies.md', import.meta.url), 'utf8');
const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The names below one heading of the page, each with a reason. */
function described(heading: string): string[] {
  const section = docs.split(/^## /m).find((one) => one.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)`\s*\| \S.{10,}\|$/gm)].map((row) => row[1] ?? '').toSorted();
}

function declared(field: 'dependencies' | 'optionalDependencies' | 'devDependencies'): string[] {
  const names: unknown = Reflect.get(Object(manifest), field);
  return Object.keys(Object(names)).toSorted();
}

it('docs/decisions/dependencies.md gives a reason for every dependency, and for no other', () => {
  expect(described('At run time')).toEqual(declared('dependencies'));
  expect(described('Optional')).toEqual(declared('optionalDependencies'));
  expect(described('For development')).toEqual(declared('devDependencies'));
});

it('the sources import only modules that are installed with the package', () => {
  const names = sourceFiles()
    .flatMap(importsOf)
    .flatMap((one) => (one.kind === 'module' ? [one.name] : []))
    .filter((name) => !name.startsWith('node:'))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  const installed = [...declared('dependencies'), ...declared('optionalDependencies')];
  expect([...new Set(names)].filter((name) => !installed.includes(name))).toEqual([]);
});
