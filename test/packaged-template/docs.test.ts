import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { PACKAGED_TEMPLATE } from '../../src/templates/read-template-set.ts';

const template = await readFile(PACKAGED_TEMPLATE, 'utf8');
const docs = await readFile(new URL('../../docs/packaged-template.md', import.meta.url), 'utf8');
const [head = '', ...rest] = template.split('#}');
const body = rest.join('#}');

/** What decides which routes there are is read before the template. */
const OF_THE_CATALOG = ['domain', 'defaultRoutes'];
const used = names(body, /\bvars\.(\w+)/g)
  .concat(OF_THE_CATALOG)
  .sort();
const blocks = names(body, /\{% block (\w+) %\}/g).sort();
const rowsUnder = (heading: string) =>
  names(docs.slice(docs.indexOf(heading)).split('\n## ')[0] ?? '', /^\| `(\w+)`/gm).sort();

function names(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))];
}

test('every value that the template reads from vars stands in the docs, and the other way round', () => {
  expect(rowsUnder('## Values')).toEqual(used);
});

test('every value that the template reads from vars stands at its top', () => {
  expect(used.filter((name) => !new RegExp(`\\b${name}\\b`).test(head))).toEqual([]);
});

test('every block of the template stands in the docs and at its top', () => {
  expect(rowsUnder('## Parts')).toEqual(blocks);
  expect(blocks.filter((name) => !new RegExp(`\\b${name}\\b`).test(head))).toEqual([]);
});

test('the defaults in the docs are those of the template', () => {
  const defaults = [...body.matchAll(/vars\.(\w+) \| default\('?([^')]+)'?\)/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  expect(defaults.length).toBeGreaterThan(15);
  for (const [name, value] of defaults) {
    const row = docs.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
    expect(row.split('|')[2]?.replace(/["`]/g, '').trim(), name).toBe(value);
  }
});
