import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { Tree } from '../../src/model/tree.ts';
import type { BelievedChange } from '../../src/model/tree-changes.ts';
import { readRecords, recordsText } from '../../src/quarantine/unit-records.ts';
import type { RefusalRecord } from '../../src/tree/refusals.ts';
import { ServedTree } from '../../src/tree/served-tree.ts';
import { unitOf, valueUnit } from '../../src/tree/unit.ts';
import { recorder } from '../reconcile/fakes.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const at = (id: string) => `/services/web/${id}`;
const read = (one: Entry) => ReadEntry.of(one, OPTIONS.grammar);
const WEB = unitOf(read(entry(at('a'), '10.0.0.1:80')));
const put = (one: Entry) => ({ kind: 'put', entry: read(one) }) satisfies BelievedChange;
const gone = (one: Entry) => ({ kind: 'delete', key: one.key, before: read(one) }) satisfies BelievedChange;
const good = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'ok' }, 1);
const bad = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'bad' }, 2);
const other = entry('/services/api/x', '10.0.0.5:80');
const of = (...entries: Entry[]) => new Map(entries.map((one) => [one.key, read(one)]));

function setUp(...entries: Entry[]) {
  const said = recorder();
  const served = new ServedTree({ catalog: OPTIONS, emit: said.emit });
  served.apply(entries.map(put));
  served.begin('sure');
  const values = () => [...served.catalog.tree].map(({ value }) => value);
  return { served, said, values };
}

function withBad(...others: Entry[]) {
  const all = setUp(bad, ...others);
  all.served.setAside(WEB, { kept: of(good), judged: of(bad), reason: 'no' });
  return all;
}

describe('ServedTree', () => {
  test('gives the very same changes on while nothing is set aside', () => {
    const { served } = setUp();
    expect(served.apply([put(bad)])).toEqual([put(bad)]);
    expect(served.refused).toEqual([]);
  });

  test('sets aside by putting the last good form in the place of the bad one', () => {
    const { served, values } = withBad(other);
    expect(values()).toEqual([other.value, good.value]);
    expect(served.refused).toMatchObject([{ unit: WEB, reason: 'no', good: of(good), believed: of(bad) }]);
  });

  test('lets others through, a removal too, and a mended one out', () => {
    const { served } = withBad();
    expect(served.apply([put(other)])).toEqual([put(other)]);
    expect(served.refused).toMatchObject([{ unit: WEB, believed: of(bad) }]);
    const worse = entry(at('a'), { host: '10.0.0.7', port: 80, opt: 'worse' }, 3);
    expect(served.apply([put(worse)])).toMatchObject([
      put({ ...worse, value: '{"host":"10.0.0.7","port":80,"opt":"ok"}' }),
    ]);
    expect(served.refused).toMatchObject([{ unit: WEB, believed: of(worse) }]);
    expect(served.apply([gone(worse)])).toMatchObject([{ kind: 'delete', key: at('a') }]);
    expect(served.refused).toEqual([]);
  });

  test('keeps what an earlier run set aside, and lets go what is gone in the meantime', () => {
    const record = { unit: WEB, good: [good], reason: 'no', since: 1 };
    const start = () => {
      const served = new ServedTree({ catalog: OPTIONS, emit: () => {} });
      served.restore([record]);
      return served;
    };
    const kept = start();
    kept.apply([put(bad)]);
    kept.begin('sure');
    expect(kept.refused).toMatchObject([{ unit: WEB, believed: of(bad) }]);
    expect([...kept.catalog.tree]).toEqual([{ ...bad, value: good.value }]);
    const mended = start();
    mended.apply([put(good)]);
    mended.begin('sure');
    expect(mended.refused).toEqual([]);
    expect([...mended.catalog.tree]).toEqual([good]);
    const without = start();
    without.begin('sure');
    expect([[...without.catalog.tree], without.refused]).toEqual([[], []]);
  });

  test('counts what is set aside among what was never good, for whoever keeps what is believed', () => {
    const { served } = withBad(other);
    expect(served.believedSinceGood).toBeNull();
    served.toDraw();
    served.accepted();
    expect(served.lastGood.differences.size).toBe(0);
    expect([...(served.believedSinceGood ?? [])]).toEqual([[good.key, expect.objectContaining(good)]]);
  });
});

describe('ServedTree, with a cache that is older than what an earlier run set aside,', () => {
  test('keeps it aside until the sources have spoken', () => {
    const served = new ServedTree({ catalog: OPTIONS, emit: () => {} });
    served.restore([{ unit: WEB, good: [good], reason: 'no', since: 1 }]);
    const isAside = () => served.refused.length === 1;
    served.apply([put(good)]);
    expect(isAside()).toBe(true);
    expect([...served.catalog.tree]).toEqual([good]);
    served.apply([put(bad)]);
    expect(isAside()).toBe(true);
    served.begin('sure');
    expect(isAside()).toBe(true);
    expect([...served.catalog.tree]).toEqual([{ ...bad, value: good.value }]);
  });
});

describe('ServedTree, where the catalog throws,', () => {
  /** Has the catalog throw half way through each change that holds `evil`. */
  function evil(): Disposable {
    const { apply } = Catalog.prototype;
    const spy = vi.spyOn(Catalog.prototype, 'apply').mockImplementation(function (this: Catalog, changes) {
      apply.call(this, changes);
      if (changes.some((change) => change.kind === 'put' && change.entry.value.includes('evil'))) {
        throw new TypeError('evil');
      }
    });
    return { [Symbol.dispose]: () => spy.mockRestore() };
  }

  test('sets the values aside that do it, each by its key, and takes all else', () => {
    using _ = evil();
    const { served, values } = setUp(good);
    const worse = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'evil' }, 3);
    const fresh = entry('/services/new/n', { host: '10.0.0.9', port: 80, opt: 'evil' }, 4);
    served.apply([put(worse), put(fresh), put(other)]);
    expect(served.refused.map(({ unit, error }) => [unit.name, error?.message])).toEqual([
      [at('a'), 'evil'],
      [fresh.key, 'evil'],
    ]);
    expect(values()).toEqual([other.value, '', good.value]);
    expect(served.catalog.rejected).toMatchObject([
      { key: fresh.key, reason: expect.stringContaining('which is a bug') },
    ]);
    served.apply([put({ ...worse, modified: 9n })]);
    expect(served.refused).toHaveLength(2);
    served.apply([gone(fresh), put(bad)]);
    expect(served.refused).toEqual([]);
    expect(values()).toEqual([other.value, bad.value]);
  });

  test('knows the last good value of a key through a restart, and tries the newer one once more', () => {
    const worse = entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'evil' }, 3);
    const start = (records: readonly RefusalRecord[]) => {
      const served = new ServedTree({ catalog: OPTIONS, emit: () => {} });
      served.restore(records);
      served.apply([put(worse)]);
      served.begin('sure');
      return [...served.catalog.tree].map(({ value }) => value);
    };
    const before = setUp(good).served;
    using faulty = evil();
    before.apply([put(worse)]);
    const records = readRecords(recordsText(before.refused)) ?? [];
    expect(records).toMatchObject([{ unit: valueUnit(read(good)), good: [good] }]);
    expect(start(records)).toEqual([good.value]);
    faulty[Symbol.dispose]();
    expect(start(records)).toEqual([worse.value]);
  });

  test('takes nothing where no value does it by itself', () => {
    const { served } = withBad(other);
    const before = [...served.catalog.tree];
    using _ = {
      spy: vi.spyOn(Catalog.prototype, 'apply').mockImplementationOnce(() => {
        throw new TypeError('not of a value');
      }),
      [Symbol.dispose]() {
        this.spy.mockRestore();
      },
    };
    const moved = entry(at('a'), { host: '10.0.0.7', port: 80, opt: 'bad' }, 5);
    expect(() => served.apply([put(moved), gone(other)])).toThrow('not of a value');
    expect([...served.catalog.tree]).toEqual(before);
    expect(served.refused).toMatchObject([{ believed: of(bad) }]);
    served.apply([put(moved), gone(other)]);
    expect(served.refused).toMatchObject([{ believed: of(moved) }]);
  });
});

describe('ServedTree, whatever comes,', () => {
  const services = ['web', 'api'];
  const one = fc.record({
    service: fc.constantFrom(...services),
    id: fc.constantFrom('a', 'b', 'c'),
    value: fc.constantFrom(
      '10.0.0.1:80',
      '10.0.0.2:80',
      '{"host":"10.0.0.3","port":80,"opt":"bad"}',
      'odd',
      '',
    ),
  });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), puts: fc.array(one, { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('delete' as const), of: one }),
    fc.record({
      kind: fc.constant('set aside' as const),
      service: fc.constantFrom(...services),
      as: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('release' as const), service: fc.constantFrom(...services) }),
  );

  test('serves what is believed, but for what is set aside, and knows what is believed of that', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { served } = setUp();
        const believed = new Map<string, Entry>();
        let revision = 1;
        const take = (changes: readonly BelievedChange[]) => {
          const followed = new Tree<ReadEntry>();
          followed.apply([...served.catalog.tree].map(put));
          followed.apply(served.apply(changes));
          expect([...followed]).toEqual([...served.catalog.tree]);
        };
        const unit = (service: string) => unitOf(read(entry(`/services/${service}/a`, '10.0.0.1:80')));
        for (const now of steps) {
          if (now.kind === 'put') {
            const puts = new Map(
              now.puts.map(({ service, id, value }) => {
                const key = `/services/${service}/${id}`;
                return [key, entry(key, value, revision++)] as const;
              }),
            );
            for (const [key, put] of puts) {
              believed.set(key, put);
            }
            take([...puts.values()].map(put));
          } else if (now.kind === 'delete') {
            const there = believed.get(`/services/${now.of.service}/${now.of.id}`);
            if (there && believed.delete(there.key)) {
              take([gone(there)]);
            }
          } else {
            const { id } = unit(now.service);
            const forms = [...believed.values()].filter((each) => unitOf(read(each)).id === id);
            if (now.kind === 'release') {
              served.release(unit(now.service));
            } else if (forms.length > 0) {
              const kept = now.as ? of() : of(entry(`/services/${now.service}/a`, '10.0.0.9:80', 1));
              served.setAside(unit(now.service), { kept, judged: of(...forms), reason: 'no' });
            }
          }
        }
        const aside = new Map(served.refused.map((each) => [each.unit.id, each]));
        const expected = new Map([...believed].filter(([, each]) => !aside.has(unitOf(read(each)).id)));
        for (const {
          unit: { id },
          believed: known,
          served: form,
        } of aside.values()) {
          const there = [...believed.values()].filter((each) => unitOf(read(each)).id === id);
          expect([...known.values()].sort(byKey)).toEqual(there.sort(byKey));
          for (const [key, each] of form) {
            expected.set(key, each);
          }
        }
        expect([...served.catalog.tree]).toEqual([...expected.values()].sort(byKey));
        for (const each of aside.values()) {
          served.release(each.unit);
        }
        expect([...served.catalog.tree]).toEqual([...believed.values()].sort(byKey));
      }),
    );
  });
});

function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : 1;
}
