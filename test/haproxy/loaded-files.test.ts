import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { otherFilesOf } from '../../src/haproxy/loaded-files.ts';
import { tempFolder } from '../support/haproxy.ts';

/** A worker that is not in sight: no haproxy has this pid here. */
const OUT_OF_SIGHT = process.pid;

async function setUp() {
  const folder = await tempFolder();
  const at = (name: string) => path.join(folder.path, name);
  await mkdir(at('etc'));
  for (const name of ['etc/base.cfg', 'etc/ours.cfg', 'far.cfg']) {
    await writeFile(at(name), `# ${name}\n`);
  }
  /** A worker that loaded these files then. */
  const ask = (names: readonly string[], loadedAt = Number.POSITIVE_INFINITY) =>
    otherFilesOf(
      { ask: async (command) => (command === 'show env HAPROXY_CFGFILES' ? answer(names) : '') },
      { pid: OUT_OF_SIGHT, loadedAt },
      at('etc/ours.cfg'),
    );
  return { at, ask, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const answer = (names: readonly string[]) =>
  names.length === 0 ? 'Variable not found' : `HAPROXY_CFGFILES=${names.join(';')}`;

test('a single file is ours, whatever HAProxy calls it; so is one that is not told', async () => {
  await using site = await setUp();
  const none = { kind: 'read', before: [], after: [] };
  expect(await site.ask(['/usr/local/etc/haproxy/haproxy.cfg'])).toEqual(none);
  expect(await site.ask([])).toEqual(none);
});

test('files in one folder with ours are read, in their order', async () => {
  await using site = await setUp();
  const [base, ours] = [site.at('etc/base.cfg'), site.at('etc/ours.cfg')];
  expect(await site.ask([base, ours])).toEqual({ kind: 'read', before: ['# etc/base.cfg\n'], after: [] });
  expect(await site.ask([ours, base])).toEqual({ kind: 'read', before: [], after: ['# etc/base.cfg\n'] });
});

test('what cannot be known is said: of other folders, relative, missing, changed, or without ours', async () => {
  await using site = await setUp();
  const [base, ours, far] = [site.at('etc/base.cfg'), site.at('etc/ours.cfg'), site.at('far.cfg')];
  const why = async (...asked: Parameters<typeof site.ask>) => {
    const found = await site.ask(...asked);
    return found.kind === 'unread' ? found.why : JSON.stringify(found);
  };
  expect(await why([far, ours])).toContain(`${far} too, which is out of sight here`);
  expect(await why(['base.cfg', ours])).toContain('base.cfg too, which is out of sight here');
  expect(await why([site.at('etc/none.cfg'), ours])).toContain('cannot be read here (ENOENT)');
  expect(await why([base, ours], 0)).toContain(`${base} too, which was changed since`);
  expect(await why([base, far])).toContain(`HAProxy loads ${base}, ${far}, and none of them is ${ours} here`);
});
