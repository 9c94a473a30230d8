import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { renderFixture } from '../../src/testing/render-fixture.ts';
import { renderTree } from '../golden/render-case.ts';
import { tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const TREE =
  '{"services":{"web":{"a":"10.0.0.1:80"},"db":{"a":"10.0.0.2:80"}},"routes":{"db":{"mode":"tcp","port":5432}}}';

/** What the examples give, by name. */
const texts: Readonly<Record<string, () => Promise<string>>> = {
  'custom-template, the small one': () => custom('small.cfg.njk'),
  'custom-template, the extended one': () => custom('haproxy.cfg.njk'),
  ...Object.fromEntries(
    readdirSync(EXAMPLES)
      .filter((name) => existsSync(new URL(`${name}/pointsman.yaml`, EXAMPLES)))
      .map((name) => [name, () => packaged(name)]),
  ),
};

/** Leaves the folders of hosts out: HAProxy opens none when it checks. */
async function packaged(name: string): Promise<string> {
  const { haproxy, vars } = parse(await readFile(new URL(`${name}/pointsman.yaml`, EXAMPLES), 'utf8'));
  return (await renderTree(TREE, JSON.stringify({ haproxy: { mode: haproxy.mode }, vars }))).text;
}

async function custom(name: string): Promise<string> {
  const folder = new URL('custom-template/', EXAMPLES);
  const template = new URL(`templates/${name}`, folder);
  return (await renderFixture({ tree: new URL('tree.yaml', folder), template })).text;
}

describe.each(Object.keys(texts))('the example %s', (name) => {
  test.each(haproxyVersions)('is accepted by HAProxy $name without a warning', async (haproxy) => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, 'haproxy.cfg');
    await writeFile(file, (await texts[name]?.()) ?? '');
    const { exitCode, all } = await execa(haproxy.path, ['-c', '-dW', '-f', file], {
      all: true,
      reject: false,
    });
    expect(exitCode, all).toBe(0);
  });
});
