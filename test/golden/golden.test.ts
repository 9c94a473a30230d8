import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { renderCase } from './render-case.ts';

const run = promisify(execFile);
const HERE = import.meta.dirname;
const cases = readdirSync(HERE, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

// After a wanted change: npm run vitest -- run test/golden -u, and read the difference.
describe.each(cases)('the golden folder %s', (name) => {
  test('renders to its expected.cfg, byte for byte', async () => {
    const { text, rejected } = await renderCase(name);
    await expect(text).toMatchFileSnapshot(path.join(HERE, name, 'expected.cfg'));
    if (rejected.length === 0) {
      return;
    }
    await expect(`${JSON.stringify(rejected, null, 2)}\n`).toMatchFileSnapshot(
      path.join(HERE, name, 'rejected.json'),
    );
  });

  test('leaves no backend to the algorithm that a version of HAProxy takes where none is named', async () => {
    const sections = (await renderCase(name)).text.split(/^(?=\S)/m);
    const saying = sections.filter((section) => /^ +balance \S/m.test(section));
    const defaults = saying.flatMap((section) => /^defaults (\S+)/.exec(section)?.[1] ?? []);
    const silent = sections.filter((section) => {
      const parent = /^(?:backend|listen) \S+(?: from (\S+))?/.exec(section);
      return parent && !saying.includes(section) && !defaults.includes(parent[1] ?? '');
    });
    expect(silent).toEqual([]);
  });

  test.each(haproxyVersions)('is accepted by HAProxy $name without a warning', async (haproxy) => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, 'haproxy.cfg');
    await writeFile(file, (await renderCase(name)).text);
    await expect(run(haproxy.path, ['-c', '-dW', '-f', file])).resolves.toBeDefined();
  });
});
