import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { Admission } from '../../src/model/limits.ts';
import { OldestEntries } from '../../src/model/oldest-entries.ts';

const LIMITS = { keys: 100, valueBytes: 1_000, totalBytes: 1_000_000 };

function entry(key: string, created: number, value = 'x'): Entry {
  return { key, value, source: 0, created: BigInt(created), modified: BigInt(created) };
}

function gathered(entries: readonly Entry[], limits = LIMITS): readonly Entry[] {
  const oldest = new OldestEntries(limits);
  for (const one of entries) {
    oldest.add(one);
  }
  return oldest.entries;
}

describe('OldestEntries', () => {
  test('leaves out nothing that an admission would let in or name, in whatever order it comes', () => {
    const keys = fc.uniqueArray(fc.nat(5_000), { minLength: 1, maxLength: 1_500 });
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 60 }), (ages, folders) => {
        const all = ages.map((age, at) => entry(`/services/s${at % folders}/i${at}`, age));
        const [whole, part] = [new Admission(LIMITS), new Admission(LIMITS)];
        const expected = whole.replace(all);
        expect(part.replace(gathered(all))).toEqual(expected);
        // That there is more is not forgotten.
        expect(part.forgotten > 0).toBe(whole.forgotten > 0);
      }),
    );
  });

  test('holds a little more than the limits, however much comes, by keys and by bytes', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => entry(`/services/s${at % 3_000}/i${at}`, at));
    expect(gathered(many).length).toBeLessThanOrEqual(160);
    const large = many.slice(0, 2_000).map((one) => ({ ...one, value: 'v'.repeat(900) }));
    const limits = { ...LIMITS, keys: 1_000_000, totalBytes: 100_000 };
    const bytes = gathered(large, limits).reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    expect(bytes).toBeLessThanOrEqual(160_000);
    expect(bytes).toBeGreaterThan(100_000);
  });

  test('has the young keys of folders with few, however full the others are', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => entry(`/services/evil-${at % 5}/i${at}`, at));
    const late = entry('/services/calm/late', 30_000);
    for (const all of [
      [late, ...many],
      [...many, late],
    ]) {
      expect(gathered(all)).toContain(late);
    }
  });
});
