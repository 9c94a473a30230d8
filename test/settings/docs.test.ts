import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { environmentName } from '../../src/settings/environment.ts';
import { isLive, LIVE_SETTINGS } from '../../src/settings/live-settings.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { PACKAGED_TEMPLATE, SETTING_KEYS } from '../../src/settings/schema.ts';

const docs = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
const rows = docs
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, key, fallback, variable, meaning, live]) => ({
    key: bare(key),
    fallback: bare(fallback),
    variable: bare(variable),
    meaning,
    isLive: live === 'yes',
  }));

function bare(cell: string | undefined): string {
  return (cell ?? '').replace(/^`(.*)`$/, '$1');
}

/** A default as the table writes it. */
function written(path: string, value: unknown): string {
  if (path === 'haproxy.checkCommand') {
    return '[haproxy, -c, -f, "{config}"]';
  }
  if (value === PACKAGED_TEMPLATE) {
    return 'the packaged one';
  }
  if (value === undefined || value === null) {
    return '';
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

it('docs/settings.md describes every key of the schema, and no other', () => {
  expect(rows.map((row) => row.key).toSorted()).toEqual(SETTING_KEYS.map((key) => key.path).toSorted());
  expect(rows.filter((row) => !row.meaning)).toEqual([]);
});

it('docs/settings.md names the default and the environment variable of every key', () => {
  const wanted = SETTING_KEYS.map((key) => [
    key.path,
    written(key.path, key.default),
    environmentName(key.path) ?? '',
  ]);
  expect(rows.map((row) => [row.key, row.fallback, row.variable]).toSorted()).toEqual(wanted.toSorted());
});

it('docs/settings.md marks the keys that are taken while the daemon runs', () => {
  const marked = rows.filter((row) => row.isLive).map((row) => row.key);
  const taken = SETTING_KEYS.map((key) => key.path).filter(isLive);
  expect(marked.toSorted()).toEqual(taken.toSorted());
  for (const section of LIVE_SETTINGS) {
    expect(taken.some((key) => key === section || key.startsWith(`${section}.`))).toBe(true);
  }
});

it('the example of docs/settings.md is accepted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-settings-'));
  try {
    const configPath = join(folder, 'pointsman.yaml');
    writeFileSync(configPath, /```yaml\n([\s\S]*?)```/.exec(docs)?.[1] ?? '');
    const settings = await loadSettings({ configPath, env: {}, cwd: folder });
    expect(settings.sources).toHaveLength(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
