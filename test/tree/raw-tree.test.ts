import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change, Entry } from '../../src/model/entry.ts';
import { Tree } from '../../src/model/tree.ts';
import { RawTree } from '../../src/tree/raw-tree.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const [a, b, c] = ['a', 'b', 'c'].map((id, at) => entry(`/services/web/${id}`, `10.0.0.1:${at + 1}`, at)) as [
  Entry,
  Entry,
  Entry,
];
const put = (one: Entry): Change => ({ kind: 'put', entry: one });
const gone = ({ key }: Entry): Change => ({ kind: 'delete', key });

const KNOWN = { now: 5, believed: () => undefined };

function setUp(...entries: Entry[]) {
  const raw = new RawTree(OPTIONS.grammar);
  const snapshot = (...all: Entry[]) => raw.take({ kind: 'snapshot', entries: all, revision: 1n }, KNOWN);
  const changes = (...all: Change[]) => raw.take({ kind: 'changes', changes: all, revision: 1n }, KNOWN);
  snapshot(...entries);
  return { raw, snapshot, changes };
}

describe('RawTree', () => {
  test('makes changes of a snapshot: the deletions first, and none of what is the same', () => {
    const { snapshot } = setUp(a, b);
    const newer = { ...b, modified: 9n };
    expect(snapshot({ ...a }, newer, c)).toEqual([
      { kind: 'put', entry: newer, before: b },
      { kind: 'put', entry: c, before: undefined },
    ]);
    expect(snapshot(c)).toEqual([
      { kind: 'delete', key: a.key, before: a },
      { kind: 'delete', key: b.key, before: newer },
    ]);
  });

  test('gives one change a key, and none that changes nothing', () => {
    const { changes } = setUp(a);
    expect(changes(gone(b), put({ ...a }))).toEqual([]);
    expect(changes(put(b), gone(b))).toEqual([]);
    expect(changes(gone(a), put({ ...a, value: '10.0.0.9:1' }))).toEqual([
      { kind: 'put', entry: { ...a, value: '10.0.0.9:1' }, before: a },
    ]);
  });

  test('keeps of several values of a key in one event the last good one, as one after the other would', () => {
    const { raw, changes } = setUp(a);
    const good = { ...a, value: '10.0.0.2:1', modified: 8n };
    const bad = { ...a, value: '10.0.0.2:99999', modified: 9n };
    expect(changes(put(good), put(bad))).toEqual([{ kind: 'put', entry: raw.get(a.key), before: a }]);
    expect(raw.get(a.key)?.kept?.form).toEqual(good);
    changes(put({ ...good, modified: 10n }), gone(a), put({ ...bad, modified: 11n }));
    expect(raw.get(a.key)?.kept?.form).toEqual(good);
  });

  test('reads what it gives, and takes over what the same value meant', () => {
    const { raw, changes } = setUp(a);
    const before = raw.get(a.key)?.meaning;
    expect(before).toMatchObject({
      role: { kind: 'instance', service: 'web', id: 'a' },
      kind: 'instance',
    });
    const [change] = changes(put({ ...a, modified: 7n }));
    expect(change?.kind === 'put' && change.entry.meaning).toBe(before);
    changes(put({ ...a, value: '10.0.0.9:1' }));
    expect(raw.get(a.key)?.meaning).not.toBe(before);
  });

  test('looks up what the sources say of a key, but for what a limit keeps out', () => {
    const { raw } = setUp(a, { ...b, refused: 'too large' });
    expect(raw.lookUp([a.key, b.key, c.key])).toEqual([a]);
  });

  test('has the same hash as any tree of the same keys, and undoes what it did', () => {
    const one = fc.record({
      key: fc.constantFrom(a.key, b.key, c.key),
      value: fc.constantFrom('x', 'y', null),
    });
    fc.assert(
      fc.property(fc.array(fc.array(one)), (steps) => {
        const { raw, changes } = setUp();
        const tree = new Tree();
        for (const step of steps) {
          const all = step.map(({ key, value }) =>
            value === null ? gone({ ...a, key }) : put({ ...a, key, value }),
          );
          const [before, hash] = [[...raw], raw.hash];
          raw.undo(changes(...all));
          expect([raw.hash, new Set(raw)]).toEqual([hash, new Set(before)]);
          changes(...all);
          tree.apply(all);
          expect([raw.hash, raw.size, new Set([...raw].map(({ key }) => key))]).toEqual([
            tree.hash,
            tree.size,
            new Set([...tree].map(({ key }) => key)),
          ]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
