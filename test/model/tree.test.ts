import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Tree } from '../../src/model/tree.ts';
import { entry } from '../support/catalog.ts';

describe('Tree', () => {
  test('under() gives the key itself and what is below it by segment, sorted', () => {
    const tree = new Tree();
    tree.apply(
      ['/key/b', '/keys', '/key', '/key/a/x', '/key-x'].map((key) => ({
        kind: 'put',
        entry: entry(key, 'v'),
      })),
    );
    const keys = (prefix: string) => [...tree.under(prefix)].map((e) => e.key);
    expect(keys('/key')).toEqual(['/key', '/key/a/x', '/key/b']);
    expect(keys('/key/')).toEqual(['/key', '/key/a/x', '/key/b']);
    expect(keys('/')).toEqual(['/key', '/key-x', '/key/a/x', '/key/b', '/keys']);
    expect(keys('/nope')).toEqual([]);
  });

  test('stays sorted and keeps its hash through any batches of changes', () => {
    const key = fc.stringMatching(/^\/[ab/]{1,4}$/);
    const batches = fc.array(fc.array(fc.tuple(key, fc.constantFrom('1', '2', null)), { maxLength: 100 }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(batches, (list) => {
        const tree = new Tree();
        const model = new Map<string, string>();
        for (const batch of list) {
          tree.apply(
            batch.map(([k, v]) =>
              v === null ? { kind: 'delete', key: k } : { kind: 'put', entry: entry(k, v) },
            ),
          );
          for (const [k, v] of batch) {
            v === null ? model.delete(k) : model.set(k, v);
          }
        }
        expect([...tree].map((e) => [e.key, e.value])).toEqual(
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        const fresh = new Tree();
        fresh.apply([...model].map(([k, v]) => ({ kind: 'put', entry: entry(k, v) })));
        expect(tree.hash).toBe(fresh.hash);
      }),
    );
  });

  test('changesTo() gives what differs and nothing else', () => {
    const tree = new Tree();
    tree.apply(['/a', '/b', '/c'].map((key) => ({ kind: 'put', entry: entry(key, 'v', 1) })));
    const target = [entry('/a', 'v', 1), entry('/b', 'w', 2), entry('/d', 'v', 3)];
    const changes = tree.changesTo(target);
    expect(changes.map((c) => (c.kind === 'put' ? c.entry.key : `-${c.key}`))).toEqual(['-/c', '/b', '/d']);
    tree.apply(changes);
    expect([...tree]).toEqual(target);
  });
});
