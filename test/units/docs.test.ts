import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { DEFINITION_KEYS, HOST_KEYS } from '../../src/units/definition-schema.ts';
import { readDefinition, readHosts } from '../../src/units/read-definition.ts';
import { resolveSite } from '../../src/units/resolve.ts';
import { unitViewOf } from '../../src/units/unit-view.ts';
import { unitsOf } from './units-of.ts';

const page = await readFile(new URL('../../docs/units.md', import.meta.url), 'utf8');

/** The names in the first column of the table below a line of the page. */
function rowsBelow(line: string): string[] {
  const table = page.slice(page.indexOf(line)).split('\n| --- |')[1]?.split('\n\n')[0] ?? '';
  return [...table.matchAll(/^\|((?: `\w+`,?)+) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
}

/** The names of the keys right below this one. */
function keysBelow(prefix: string, keys = DEFINITION_KEYS): string[] {
  const below = keys.filter(({ path }) => path.startsWith(prefix));
  return [...new Set(below.map(({ path }) => path.slice(prefix.length).split('.')[0] ?? ''))];
}

test('docs/units.md has every key, and no other', () => {
  expect(rowsBelow('## The keys of a service')).toEqual(keysBelow('services.<name>.'));
  expect(rowsBelow('`announce`, what partners are')).toEqual(keysBelow('announce.'));
  expect(rowsBelow('`environments.<name>`:\n')).toEqual(keysBelow('environments.<name>.'));
  expect(rowsBelow('## Placement')).toEqual(keysBelow('hosts.<name>.', HOST_KEYS));
});

test('the example of docs/units.md gives units for both of its environments', async () => {
  const [definition = '', hosts = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text);
  const withThird = hosts.replace('node3: {}', 'node3: { zone: c }');
  const production = await unitsOf(definition, { environment: 'production', hosts: withThird });
  expect(Object.keys(production).filter((path) => path.endsWith('web@1.service'))).toHaveLength(3);
  const qa = await unitsOf(definition, { environment: 'qa1', hosts: withThird });
  expect(Object.keys(qa).filter((path) => path.endsWith('web@1.service'))).toHaveLength(1);
  expect(readHosts('hosts.yaml', hosts)).toHaveLength(3);
});

test('docs/units.md names what a template sees', () => {
  const site = resolveSite(
    readDefinition('a.yaml', 'services: { web: { image: "web:git-1a2b3c4" } }'),
    undefined,
  );
  const [spec] = site.services;
  if (spec === undefined) {
    throw new Error('no service');
  }
  const view = unitViewOf({ spec, number: 1, host: null, zone: null, beside: new Set() }, site, 'systemd');
  const said = page.slice(page.indexOf('`vars` has'));
  expect(Object.keys(view).filter((name) => !said.includes(`\`${name}\``))).toEqual([]);
});
