import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Hold } from '../../src/ports/stores.ts';
import { askRelease, believedFiles, countHolds, readBelieved } from '../../src/state/believed-files.ts';
import { entry } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';

const TREE = {
  entries: [entry('/services/web/a', '10.0.0.1:80', 7), entry('/haproxy/text', 'zwei\nZeilen ü', 9)],
  revisions: [12n, null],
  freshAt: 1234,
  layers: [
    {
      freshAt: 1234,
      refused: new Map([
        ['/haproxy', 999],
        ['/more', null],
      ]),
    },
    null,
  ],
  sinceGood: new Map([
    ['/services/web/a', entry('/services/web/a', '10.0.0.9:80', 5)],
    ['/haproxy/text', undefined],
  ]),
};

describe('believedFiles()', () => {
  test('reads back what it wrote, for its owner alone', async () => {
    await using folder = await tempFolder();
    const stateDir = path.join(folder.path, 'state');
    const store = believedFiles({ stateDir, origin: 'o' });
    expect(await store.load()).toEqual({ tree: null, holds: [], words: [] });
    const holds: Hold[] = [{ entry: entry('/services/web/a', 'x', 7), rule: 'store', since: 99 }];
    await store.saveTree(TREE);
    await store.saveHolds(holds);
    expect(await store.load()).toEqual({ tree: TREE, holds, words: [] });
    expect((await stat(path.join(stateDir, 'tree'))).mode & 0o777).toBe(0o600);
    expect(await readdir(stateDir)).toEqual(['holds', 'tree']);
    expect(await countHolds(stateDir)).toBe(1);
    await store.saveHolds([]);
    expect(await readdir(stateDir)).toEqual(['tree']);
  });

  test('keeps what stands in the place of a refused value with it, where older builds pass over it', async () => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: 'o' });
    const kept = { form: entry('/services/web/a', '10.0.0.1:80', 7), since: 55 };
    const nonsense = { ...entry('/services/web/a', 'nonsense', 9), kept };
    const large = { ...entry('/services/web/b', 'x', 9), refused: 'too large', kept };
    const holds: Hold[] = [
      { entry: nonsense, rule: 'emptied', since: 99 },
      { entry: large, rule: 'emptied', since: 99 },
    ];
    const tree = { ...TREE, entries: [nonsense, large] };
    await store.saveTree(tree);
    await store.saveHolds(holds);
    const [first, second] = holds;
    expect(await store.load()).toEqual({ tree, holds: [first, { ...second, entry: kept.form }], words: [] });
    const rows = (await readFile(path.join(folder.path, 'tree'), 'utf8')).split('\n');
    const [row] = rows
      .filter((line) => line.startsWith('["/services/web/a"'))
      .map((line) => JSON.parse(line));
    expect(row.slice(0, 6)).toEqual(['/services/web/a', 'nonsense', 0, '9', '9', null]);
    expect(await readBelieved({ stateDir: folder.path, origin: 'o' })).toEqual(tree);
    expect(await readBelieved({ stateDir: folder.path, origin: 'another' })).toBeNull();
    expect(await readdir(folder.path)).toEqual(['holds', 'tree']);
  });

  test.each([
    ['cut short', (text: string) => text.slice(0, -10)],
    ['changed by a letter', (text: string) => text.replace('10.0.0.1', '10.0.0.2')],
    ['with another age', (text: string) => text.replace('1234', '9999')],
    ['of a later version', (text: string) => text.replace('"version":1', '"version":2')],
    ['empty', () => ''],
    ['something else', () => '{"a": 1}\n'],
  ])('sets a file aside that is %s, with a word', async (_, spoil) => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: 'o' });
    await store.saveTree(TREE);
    const file = path.join(folder.path, 'tree');
    await writeFile(file, spoil(await readFile(file, 'utf8')));
    const { tree, words } = await store.load();
    expect(tree).toBeNull();
    expect(words).toHaveLength(1);
    expect(await readdir(folder.path)).toEqual(['tree.broken']);
  });

  test('sets the cache of other sources aside', async () => {
    await using folder = await tempFolder();
    await believedFiles({ stateDir: folder.path, origin: 'one' }).saveTree(TREE);
    const { tree, words } = await believedFiles({ stateDir: folder.path, origin: 'two' }).load();
    expect(tree).toBeNull();
    expect(words[0]).toContain('other sources or prefixes');
    expect(await readdir(folder.path)).toEqual(['tree.foreign']);
  });

  test.each([
    ['was never accepted', null],
    ['was accepted as it is', new Map()],
  ])('tells that a tree %s', async (_, sinceGood) => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: 'o' });
    await store.saveTree({ ...TREE, sinceGood });
    expect((await store.load()).tree).toEqual({ ...TREE, sinceGood });
  });

  test('sees a request for a release until it is done', async () => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: 'o' });
    expect(await store.releaseAsked()).toBe(false);
    await askRelease(folder.path, 'now');
    expect(await store.releaseAsked()).toBe(true);
    await store.releaseDone();
    expect(await store.releaseAsked()).toBe(false);
  });
});
