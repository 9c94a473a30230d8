import { describe, expect, test } from 'vitest';
import { plan } from '../../src/plan/planner.ts';
import { PACKAGED_TEMPLATE } from '../../src/templates/read-template-set.ts';
import { renderTree } from '../golden/render-case.ts';

const SERVERS = { a: '10.0.0.1:80', b: '10.0.0.2:80', c: '10.0.0.3:80' };
const ROUTE = JSON.stringify({ routes: { web: { balance: 'random' } } }).slice(1, -1);

/** `settings` and a part of the tree, by which the service is balanced at random. */
const WAYS = [
  ['its route', '{}', ROUTE],
  ['vars.balance', '{"vars":{"balance":"random"}}', '"routes":{}'],
  ['vars.balance with draws', '{"vars":{"balance":"random(3)"}}', '"routes":{}'],
] as const;

describe.each(WAYS)('a service that is balanced at random by %s', (_, settings, routes) => {
  const render = async (version: string, names: string) => {
    const web = Object.fromEntries(Object.entries(SERVERS).filter(([name]) => names.includes(name)));
    const tree = `{"services":{"web":${JSON.stringify(web)}},${routes}}`;
    return (await renderTree(tree, settings, PACKAGED_TEMPLATE, version)).text;
  };

  test.each(['', '2.6.12', '3.0.11', '3.4.7'])(
    'gets servers without a reload on HAProxy "%s"',
    async (version) => {
      const [before, after] = [await render(version, 'a'), await render(version, 'bc')];
      const ids = [...after.matchAll(/^ {2}server [bc] .* id (\d+)$/gm)].map(([, id]) => id);
      expect(ids).toHaveLength(/^3/.test(version) ? 0 : 2);
      expect(new Set(ids).size).toBe(ids.length);
      const made = plan(before, after, { version: version || '2.6' });
      expect(made.kind).toBe('runtime');
    },
  );
});
