import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findGivers, type Part, searchCulprits, withNeeds } from '../../src/quarantine/blame-search.ts';

const parts = (count: number): Part[] =>
  Array.from({ length: count }, (_, at) => ({ id: `p${String(at).padStart(3, '0')}`, needs: null }));
const ids = (list: Iterable<Part>) => [...list].map(({ id }) => id);

/** A search among `all`, where `bad` says why a set is refused, and `named` what that names. */
async function run(
  all: readonly Part[],
  bad: (ids: ReadonlySet<string>) => string | null,
  named: (refusal: string) => readonly string[] = () => [],
) {
  let checks = 0;
  const judge = (list: readonly Part[]) => bad(new Set(ids(list)));
  const result = await searchCulprits<Part, string, string>({
    parts: all,
    refusal: judge(all) ?? 'refused',
    async test(list) {
      checks++;
      return judge(list);
    },
    async blame(refusal, { rest }) {
      const said = named(refusal);
      return new Map(rest.filter(({ id }) => said.includes(id)).map((part) => [part, refusal]));
    },
    words: (refusal) => refusal,
  });
  return { result, checks };
}

describe('searchCulprits()', () => {
  test('sets aside all that is named at once: one check, however many there are', async () => {
    const all = parts(200);
    const culprits = ['p003', 'p077', 'p150'];
    const bad = (set: ReadonlySet<string>) => culprits.filter((id) => set.has(id)).join() || null;
    const { result, checks } = await run(all, bad, (refusal) => refusal.split(','));
    expect(result).toMatchObject({ kind: 'settled' });
    expect(ids(result.kind === 'settled' ? result.aside.keys() : [])).toEqual(culprits);
    expect(checks).toBe(1);
  });

  test('finds one that nobody names by halving, within its budget', async () => {
    const all = parts(200);
    for (const culprit of ['p000', 'p099', 'p100', 'p199']) {
      const { result, checks } = await run(all, (set) => (set.has(culprit) ? 'no' : null));
      expect(ids(result.kind === 'settled' ? result.aside.keys() : [])).toEqual([culprit]);
      expect(checks).toBeLessThanOrEqual(2 * 2 + Math.ceil(Math.log2(200)));
    }
  });

  test('of two that are bad only together keeps the first', async () => {
    const bad = (set: ReadonlySet<string>) => (set.has('p002') && set.has('p005') ? 'no' : null);
    const { result } = await run(parts(8), bad);
    expect(ids(result.kind === 'settled' ? result.aside.keys() : [])).toEqual(['p005']);
  });

  test('blames nobody where the last good state is refused as well', async () => {
    expect((await run(parts(20), () => 'broken')).result).toEqual({
      kind: 'base refused',
      refusal: 'broken',
    });
    const { result } = await run(
      parts(2),
      () => 'p000,p001',
      (refusal) => refusal.split(','),
    );
    expect(result).toMatchObject({ kind: 'base refused' });
  });

  test('does not follow names that do not help for ever', async () => {
    const all = parts(30);
    const bad = (set: ReadonlySet<string>) => (set.has('p029') ? ([...set][0] ?? null) : null);
    const { result } = await run(all, bad, (refusal) => [refusal]);
    const aside = ids(result.kind === 'settled' ? result.aside.keys() : []);
    expect(aside).toContain('p029');
    expect(aside.length).toBeLessThanOrEqual(5);
  });

  test('leaves out what cannot stay without a culprit', async () => {
    const all: Part[] = [
      { id: 'moves', needs: null },
      { id: 'other', needs: null },
      { id: 'rest', needs: 'moves' },
    ];
    const { result } = await run(all, (set) => (set.has('moves') ? 'no' : null));
    expect(result).toMatchObject({ kind: 'settled', kept: [all[1]] });
  });

  test('always ends with a set that was judged itself and accepted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(19), fc.nat(19)), { maxLength: 6 }),
        fc.boolean(),
        async (pairs, names) => {
          const all = parts(20);
          const id = (at: number) => all[at]?.id ?? '';
          const bad = (set: ReadonlySet<string>) =>
            pairs
              .filter(([a, b]) => set.has(id(a)) && set.has(id(b)))
              .map(([, b]) => id(b))
              .join() || null;
          if (bad(new Set(ids(all))) === null) {
            return;
          }
          const { result } = await run(all, bad, (refusal) => (names ? refusal.split(',') : []));
          if (result.kind !== 'settled') {
            throw new Error('the base is refused');
          }
          expect(bad(new Set(ids(result.kept)))).toBeNull();
          expect(result.kept.length + result.aside.size).toBe(20);
        },
      ),
    );
  });

  test('gives up where its budget says so', async () => {
    const search = searchCulprits<Part, string, string>({
      parts: parts(8),
      refusal: 'no',
      blame: async () => new Map(),
      words: String,
      test: async () => {
        throw new Error('spent');
      },
    });
    await expect(search).rejects.toThrow('spent');
  });
});

describe('findGivers()', () => {
  /** How it goes where `guess` says what is tried first. */
  async function find(guess: (among: readonly Part[]) => readonly Part[]) {
    let looks = 0;
    const found = await findGivers(parts(256), {
      async finds(group) {
        looks++;
        return group.some(({ id }) => id === 'p007' || id === 'p200') ? 'it' : null;
      },
      guess: (_, among) => guess(among),
    });
    return { ids: ids(found.keys()), looks };
  }
  const named = (among: readonly Part[], ...some: readonly string[]) =>
    among.filter(({ id }) => some.includes(id));

  test('finds the few among many that give something', async () => {
    const found = await find(() => []);
    expect(found.ids).toEqual(['p007', 'p200']);
    expect(found.looks).toBeLessThan(40);
  });

  test('tries those that were named and no other, and looks once more', async () => {
    expect(await find((among) => named(among, 'p007', 'p200'))).toEqual({ ids: ['p007', 'p200'], looks: 4 });
  });

  test('finds them where what was named is wrong, and where it is not all of them', async () => {
    const wrong = await find((among) => among.filter(({ id }) => id > 'p220'));
    expect(wrong.ids).toEqual(['p007', 'p200']);
    expect(wrong.looks).toBeLessThan(45);
    const half = await find((among) => named(among, 'p100', 'p200'));
    expect(half.ids.toSorted()).toEqual(['p007', 'p200']);
    expect(half.looks).toBeLessThan(25);
  });
});

describe('withNeeds()', () => {
  test('adds what is needed, and what that needs, in order', () => {
    const all: Part[] = [
      { id: 'a', needs: null },
      { id: 'b', needs: 'a' },
      { id: 'c', needs: 'b' },
      { id: 'd', needs: null },
    ];
    expect(ids(withNeeds(all.slice(2, 3), all))).toEqual(['a', 'b', 'c']);
  });
});
