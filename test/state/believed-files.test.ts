import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Hold } from '../../src/ports/stores.ts';
import { askRelease, believedFiles, countHolds, readBelieved } from '../../src/state/believed-files.ts';
import { entry } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';

const originOf = (...sources: string[]) => ({ whole: sources.join(), sources });
const ORIGIN = originOf('o', 'p');
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
    const store = believedFiles({ stateDir, origin: ORIGIN });
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
    const store = believedFiles({ stateDir: folder.path, origin: ORIGIN });
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
    expect(await readBelieved({ stateDir: folder.path, origin: ORIGIN })).toEqual(tree);
    expect(await readBelieved({ stateDir: folder.path, origin: originOf('another') })).toBeNull();
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
    const store = believedFiles({ stateDir: folder.path, origin: ORIGIN });
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
    await believedFiles({ stateDir: folder.path, origin: originOf('one') }).saveTree(TREE);
    const { tree, words } = await believedFiles({ stateDir: folder.path, origin: originOf('two') }).load();
    expect(tree).toBeNull();
    expect(words[0]).toContain('other sources or prefixes');
    expect(await readdir(folder.path)).toEqual(['tree.foreign']);
  });

  test('gives what it has of sources that are the same, at their places of now, and nothing of others', async () => {
    await using folder = await tempFolder();
    const of = (source: number, key: string, value = key) => ({
      ...entry(`/services/${key}/i`, `10.0.0.1:80 ${value}`, 7),
      source,
    });
    const layerOf = (freshAt: number) => ({ freshAt, refused: new Map([['/haproxy', null]]) });
    const kept = { form: of(2, 'kept', 'good'), since: 5 };
    const tree = {
      entries: [of(0, 'gone'), of(1, 'web'), of(2, 'shop'), { ...of(2, 'kept'), kept }, of(1, 'taken over')],
      revisions: [1n, 2n, 3n],
      freshAt: 99,
      layers: [layerOf(10), layerOf(20), layerOf(30)],
      sinceGood: new Map([
        ['/services/web/i', of(1, 'web', 'before')],
        ['/services/gone/i', of(0, 'gone', 'before')],
        ['/services/taken over/i', of(0, 'taken over', 'before')],
        ['/services/shop/i', undefined],
      ]),
    };
    const hold = (entry: Hold['entry']): Hold => ({ entry, rule: 'store', since: 4 });
    const before = believedFiles({ stateDir: folder.path, origin: originOf('a', 'b', 'c') });
    await before.saveTree(tree);
    await before.saveHolds([hold(of(0, 'gone')), hold(of(2, 'shop'))]);
    const origin = originOf('c', 'new', 'b');
    const { words, ...found } = await believedFiles({ stateDir: folder.path, origin }).load();
    const moved = {
      entries: [
        of(2, 'web'),
        of(0, 'shop'),
        { ...of(0, 'kept'), kept: { ...kept, form: of(0, 'kept', 'good') } },
        of(2, 'taken over'),
      ],
      revisions: [3n, null, 2n],
      freshAt: 99,
      layers: [layerOf(30), null, layerOf(20)],
      sinceGood: new Map([
        ['/services/web/i', of(2, 'web', 'before')],
        ['/services/taken over/i', undefined],
        ['/services/shop/i', undefined],
      ]),
    };
    expect(found).toEqual({ tree: moved, holds: [hold(of(0, 'shop'))] });
    expect(words).toEqual([
      expect.stringContaining('tree: the sources in the settings are others'),
      expect.stringContaining('holds: the sources in the settings are others'),
    ]);
    expect(await readBelieved({ stateDir: folder.path, origin })).toEqual(moved);
    expect(await readdir(folder.path)).toEqual(['holds', 'tree']);
  });

  test.each([
    ['was never accepted', null],
    ['was accepted as it is', new Map()],
  ])('tells that a tree %s', async (_, sinceGood) => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: ORIGIN });
    await store.saveTree({ ...TREE, sinceGood });
    expect((await store.load()).tree).toEqual({ ...TREE, sinceGood });
  });

  test('sees a request for a release until it is done', async () => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: ORIGIN });
    expect(await store.releaseAsked()).toBeNull();
    await askRelease(folder.path, 'uid 7 (ann)');
    expect(await store.releaseAsked()).toBe('uid 7 (ann)');
    await store.releaseDone();
    expect(await store.releaseAsked()).toBeNull();
    await writeFile(path.join(folder.path, 'release'), '2026-01-01T00:00:00Z\n');
    expect(await store.releaseAsked(), 'as an older Pointsman writes it').toBe('');
  });
});
