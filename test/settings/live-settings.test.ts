import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { differenceOf, withLive } from '../../src/settings/live-settings.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'pointsman-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const settings = (text: string) => {
  const configPath = join(folder, 'pointsman.yaml');
  writeFileSync(configPath, `sources: [{ file: { path: ./tree.yaml } }]\n${text}`);
  return loadSettings({ configPath, env: {}, cwd: folder });
};

it('differenceOf() names what is taken while it runs, and what needs a restart, each by its key', async () => {
  const before = await settings('vars: { a: 1, b: { c: 1 } }');
  const after = await settings(
    'vars: { a: 2, b: { c: 2 }, d: 1 }\nguard: { hold: 1s }\nhaproxy: { mode: none }\ncache: { wait: 1s }\nstateDir: ./s',
  );
  expect(differenceOf(before, after)).toEqual({
    live: ['guard.hold', 'vars.a', 'vars.b', 'vars.d'],
    restart: ['cache.wait', 'haproxy.mode', 'stateDir'],
  });
  expect(differenceOf(before, before)).toEqual({ live: [], restart: [] });
});

it('differenceOf() sees a number of vars that is the same and written otherwise, and nothing of announce and sync', async () => {
  const before = await settings('vars: { a: 1.10 }\nannounce: { rise: 1 }\nsync: { owner: me }');
  const after = await settings('vars: { a: 1.1 }\nannounce: { rise: 2 }\nsync: { owner: you }');
  expect(differenceOf(before, after)).toEqual({ live: ['vars.a'], restart: [] });
});

it('withLive() takes what is live of the next settings, and all else of those of the start', async () => {
  const before = await settings('pace: { quiet: 1ms }');
  const after = await settings('pace: { quiet: 2ms }\nvars: { a: 1 }\nhaproxy: { mode: none }');
  const { pace, vars, haproxy, configFile } = withLive(before, after);
  expect([pace, vars, haproxy, configFile]).toEqual([
    after.pace,
    after.vars,
    before.haproxy,
    before.configFile,
  ]);
});
