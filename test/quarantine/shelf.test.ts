import { describe, expect, test } from 'vitest';
import type { Change, Entry } from '../../src/model/entry.ts';
import { Tree } from '../../src/model/tree.ts';
import { QuarantineShelf } from '../../src/quarantine/shelf.ts';
import { unitOf } from '../../src/quarantine/unit.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const at = (id: string) => `/services/web/${id}`;
const WEB = unitOf(at('a'), OPTIONS.prefixes);
const put = (one: Entry): Change => ({ kind: 'put', entry: one });
const good = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'ok' }, 1);
const bad = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'bad' }, 2);
const of = (...entries: Entry[]) => new Map(entries.map((one) => [one.key, one]));

function withBad() {
  const shelf = new QuarantineShelf(OPTIONS.prefixes);
  const changes = shelf.put(WEB, {
    kept: of(good),
    judged: of(bad),
    reason: 'no',
    now: of(bad),
    since: 1,
  });
  return { shelf, changes };
}

describe('QuarantineShelf', () => {
  test('passes the very same changes through while nothing is set aside', () => {
    const shelf = new QuarantineShelf(OPTIONS.prefixes);
    const changes = [put(bad)];
    expect(shelf.filter(changes).changes).toBe(changes);
    expect(shelf.filterAll([bad]).entries).toEqual([bad]);
  });

  test('sets aside by putting the last good form in the place of the bad one', () => {
    expect(withBad().changes).toEqual([put(good)]);
  });

  test('lets others through, a removal too, and a mended one out', () => {
    const { shelf } = withBad();
    const other = put(entry('/services/api/x', '10.0.0.5:80'));
    expect(shelf.filter([other])).toEqual({ changes: [other], released: [], touched: [] });
    const worse = entry(at('a'), { host: '10.0.0.7', port: 80, opt: 'worse' }, 3);
    const moved = shelf.filter([put(worse)]);
    expect(moved.changes).toEqual([put({ ...worse, value: '{"host":"10.0.0.7","port":80,"opt":"ok"}' })]);
    expect(moved.touched).toEqual([WEB]);
    const gone = shelf.filter([{ kind: 'delete', key: at('a') }]);
    expect(gone.changes).toEqual([{ kind: 'delete', key: at('a') }]);
    expect([gone.released, shelf.size]).toEqual([[WEB], 0]);
  });

  test('is not tried again because the same was registered again', () => {
    const { shelf } = withBad();
    expect(shelf.filter([put({ ...bad, modified: 9n })]).touched).toEqual([]);
  });

  test('keeps what is set aside through a whole new reading, and the believed tree whole', () => {
    const { shelf } = withBad();
    const other = entry('/services/api/x', '10.0.0.5:80');
    const { entries, released } = shelf.filterAll([bad, other]);
    expect([...entries].map(({ value }) => value)).toEqual([other.value, good.value]);
    expect(released).toEqual([]);
    expect(shelf.filterAll([other]).released).toEqual([WEB]);
  });

  test('keeps what an earlier run set aside, and lets go what is gone in the meantime', () => {
    const record = { unit: WEB, good: of(good), reason: 'no', since: 1 };
    const kept = new QuarantineShelf(OPTIONS.prefixes);
    kept.restore([record]);
    expect([...kept.filterAll([bad]).entries]).toEqual([{ ...bad, value: good.value }]);
    const gone = new QuarantineShelf(OPTIONS.prefixes);
    gone.restore([record]);
    expect([...gone.filterAll([]).entries]).toEqual([]);
    expect(gone.size).toBe(0);
  });

  test('knows the hash of what the sources say', () => {
    const { shelf } = withBad();
    const hashOf = (entries: readonly Entry[]) => {
      const tree = new Tree();
      tree.apply(entries.map(put));
      return tree.hash;
    };
    const other = entry('/services/api/x', '10.0.0.5:80');
    expect(shelf.rawHash(hashOf([good, other]))).toBe(hashOf([bad, other]));
  });
});
