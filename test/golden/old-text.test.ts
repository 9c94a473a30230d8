import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { OldText } from '../../src/plan/old-text.ts';
import { tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

const run = promisify(execFile);
const HERE = import.meta.dirname;
const texts = new Map(
  readdirSync(HERE, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => [name, readFileSync(path.join(HERE, name, 'expected.cfg'), 'utf8')] as const),
);

test.each([...texts])('the text of %s with its own servers is that text, to the byte', (_, text) => {
  expect(new OldText(text).withServersOf(text).text).toBe(text);
  expect(new OldText(text).without(text, () => [{ service: 'other', id: 'other' }]).text).toBe(text);
});

/** All of them with all of them, where all tests are asked for. */
const [versions, others] =
  process.env.TEST_ALL === undefined
    ? [haproxyVersions.slice(-1), ['names']]
    : [haproxyVersions, [...texts.keys()].filter((name) => name !== '100x10')];

describe.each(versions)('HAProxy $name', (haproxy) => {
  test.each(others)('accepts each text with the servers of %s, without a warning', async (name) => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, 'haproxy.cfg');
    for (const [old, text] of texts) {
      await writeFile(file, new OldText(text).withServersOf(texts.get(name) ?? '').text);
      await expect(run(haproxy.path, ['-c', '-dW', '-f', file]), old).resolves.toBeDefined();
    }
  });
});
