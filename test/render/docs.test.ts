import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GO_FUNCTIONS } from '../../src/render/functions/go/functions.ts';
import { GLOBAL_NAMES, LEFT_OUT } from '../../src/render/globals.ts';
import { inputOf, render } from '../support/render.ts';

const docs = readFileSync(new URL('../../docs/templates.md', import.meta.url), 'utf8');
const tree = {
  '/services/web/web-1': '10.0.0.1:80',
  '/services/web/web-2': '10.0.0.2:80',
  '/haproxy/maxconn': '4096',
  '/haproxy/json': '{"a": {"b": 1}}',
  '/haproxy/acl/b': '192.0.2.0/24',
  '/haproxy/acl/a': '198.51.100.7',
  '/haproxy/sub/deep/x': 'y',
};

/** The cells of all tables whose head has these columns; code without its signs. */
function rows(...head: string[]): string[][] {
  const found: string[][] = [];
  let inside = false;
  for (const line of docs.split('\n')) {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|'));
    if (cells.length === 0) {
      inside = false;
    } else if (inside && !/^-+$/.test(cells[0] ?? '')) {
      found.push(cells.map((cell) => cell.replace(/^`(.*)`$/, '$1').replace(/^``$/, '')));
    }
    inside ||= head.every((name, i) => cells[i] === name);
  }
  return found;
}

const goFunctions = rows('Function of `go`', 'What it does', 'Example', 'Result');
const functions = rows('Function', 'What it gives', 'Example', 'Result');

describe('docs/templates.md', () => {
  it('names every name that a template sees, and no other', () => {
    const named = [...rows('Name', 'What it is'), ...functions].map(([name]) => name);
    expect(named.toSorted()).toEqual([...GLOBAL_NAMES].sort());
  });

  it('names every function of go, and no other', () => {
    expect(goFunctions.map(([name]) => name).toSorted()).toEqual(Object.keys(GO_FUNCTIONS).sort());
  });

  it.each(goFunctions.filter(([name]) => name !== 'untranslated'))(
    'shows what go.%s gives: %s: %s',
    async (name, _, example = '', result = '') => {
      expect(example).toContain(`go.${name}(`);
      expect(await render(`{{ ${example} }}`, { tree })).toBe(result);
    },
  );

  it('names every function of confd that is left out, and no other', () => {
    expect(
      rows("confd's", 'Why, and what to use instead')
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(Object.keys(LEFT_OUT).sort());
  });

  it.each(functions.map(([name, , example, result]) => [name, example ?? '', result ?? '']))(
    'shows what %s gives: %s',
    async (name, example, result) => {
      expect(example).toContain(`${name}(`);
      expect(await render(`{{ ${example} }}`, { tree, node: { hostname: 'host-1', env: {} } })).toBe(result);
    },
  );

  it('names every field of services, instances, routes, node and haproxy, and no other of services', () => {
    const { catalog, node, haproxy } = inputOf({ tree });
    const [service] = catalog.services;
    expect(
      rows('Field', 'What it holds')
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(Object.keys(service ?? {}).sort());
    for (const name of [service?.instances[0], catalog.routes[0], node, haproxy].flatMap((one) =>
      Object.keys(one ?? {}),
    )) {
      expect(docs).toContain(`\`${name}\``);
    }
  });
});
