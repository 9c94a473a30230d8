/** One step of a change that may be left out: taken steps build upon the last good state. */
export interface Part {
  readonly id: string;
  /** The id of the part that has to be taken for this one to mean anything, or null. */
  readonly needs: string | null;
}

/** What a search asks and tells. `R` is a refusal: whatever says why a set of parts was not accepted. */
export interface SearchOptions<P extends Part, R> {
  /** In the order in which they are kept; each after the one that it needs. */
  readonly parts: readonly P[];
  /** What was said of all of them together. */
  readonly refusal: R;
  /** Judges the last good state with these parts; null is accepted. */
  test(parts: readonly P[]): Promise<R | null>;
  /** Those of `rest` that the refusal of `kept` and `rest` names by itself, each with the words about it. */
  blame(
    refusal: R,
    parts: { readonly kept: readonly P[]; readonly rest: readonly P[] },
  ): Promise<ReadonlyMap<P, string>>;
  /** The words for a part that was found by halving. */
  words(refusal: R): string;
  /** Called before each test with the number of culprits so far: it may wait, count, or throw to give up. */
  before(culprits: number): Promise<void>;
}

/** What a search found. */
export type SearchResult<P, R> =
  /** The text of `kept` was judged itself and accepted; `aside` says why each other part is left out. */
  | { readonly kind: 'settled'; readonly kept: readonly P[]; readonly aside: ReadonlyMap<P, string> }
  /** Not even the last good state is accepted now: none of the parts is to blame. */
  | { readonly kind: 'base refused'; readonly refusal: R };

/** After so many rounds in which what was named did not help, lines are not to be trusted. */
const ROUNDS = 4;

/**
 * Finds what has to be left out of a refused change: first whatever the refusal names, all at once; only where
 * it names nothing by halving, in the order of the parts, keeping each half that passes together with what is
 * kept already. The parts that are kept were accepted together, as one text.
 */
export async function searchCulprits<P extends Part, R>(
  options: SearchOptions<P, R>,
): Promise<SearchResult<P, R>> {
  const aside = new Map<P, string>();
  const test = async (parts: readonly P[]) => {
    await options.before(aside.size);
    return options.test(parts);
  };
  const state = { kept: [] as readonly P[], rest: options.parts, refusal: options.refusal };
  let rounds = 0;
  let isBaseGood = false;
  for (;;) {
    const { kept, rest } = state;
    const named = rounds < ROUNDS ? await options.blame(state.refusal, { kept, rest }) : new Map<P, string>();
    if (named.size > 0) {
      rounds++;
      for (const [part, words] of withDependents(named, rest)) {
        aside.set(part, words);
      }
      state.rest = rest.filter((part) => !aside.has(part));
    } else {
      if (!isBaseGood) {
        const refusal = await test([]);
        if (refusal !== null) {
          return { kind: 'base refused', refusal };
        }
        isBaseGood = true;
      }
      const { at, refusal } = await halve(state, test);
      const culprit = state.rest[at];
      if (culprit === undefined) {
        return { kind: 'settled', kept: state.kept, aside };
      }
      const out = withDependents(new Map([[culprit, options.words(refusal)]]), state.rest);
      for (const [part, words] of out) {
        aside.set(part, words);
      }
      state.kept = [...state.kept, ...state.rest.slice(0, at)];
      state.rest = state.rest.slice(at + 1).filter((part) => !aside.has(part));
      if (state.rest.length === 0) {
        return { kind: 'settled', kept: state.kept, aside };
      }
    }
    const taken = [...state.kept, ...state.rest];
    const refusal = await test(taken);
    if (refusal === null) {
      return { kind: 'settled', kept: taken, aside };
    }
    if (taken.length === 0) {
      return { kind: 'base refused', refusal };
    }
    state.refusal = refusal;
  }
}

/** The first part with which what is kept is refused, and what is said of it. */
async function halve<P, R>(
  { kept, rest, refusal }: { kept: readonly P[]; rest: readonly P[]; refusal: R },
  test: (parts: readonly P[]) => Promise<R | null>,
): Promise<{ at: number; refusal: R }> {
  let passes = 0;
  let fails = rest.length;
  let said = refusal;
  while (fails - passes > 1) {
    const middle = (passes + fails) >>> 1;
    const answer = await test([...kept, ...rest.slice(0, middle)]);
    if (answer === null) {
      passes = middle;
    } else {
      fails = middle;
      said = answer;
    }
  }
  return { at: passes, refusal: said };
}

/** What cannot stay without one of these goes with it, for the same reason. */
function withDependents<P extends Part>(
  named: ReadonlyMap<P, string>,
  parts: readonly P[],
): ReadonlyMap<P, string> {
  const all = new Map(named);
  const words = new Map([...named].map(([part, said]) => [part.id, said]));
  for (const part of parts) {
    const said = part.needs === null ? undefined : words.get(part.needs);
    if (said === undefined || all.has(part)) {
      continue;
    }
    all.set(part, said);
    words.set(part.id, said);
  }
  return all;
}

/** Those of `parts` with everything that they need, in the order of `all`. */
export function withNeeds<P extends Part>(parts: readonly P[], all: readonly P[]): readonly P[] {
  const wanted = new Set(parts.map(({ id }) => id));
  for (const part of [...all].reverse()) {
    if (wanted.has(part.id) && part.needs !== null) {
      wanted.add(part.needs);
    }
  }
  return all.filter(({ id }) => wanted.has(id));
}

/**
 * The parts of a list that each by itself give what `finds` looks for, with what they give: groups that give
 * nothing are passed over whole, so that a few among many cost little. What only several give together is not
 * found.
 */
export async function findGivers<P, T>(
  parts: readonly P[],
  finds: (parts: readonly P[]) => Promise<T | null>,
): Promise<ReadonlyMap<P, T>> {
  const givers = new Map<P, T>();
  const look = async (group: readonly P[]): Promise<void> => {
    const found = group.length === 0 ? null : await finds(group);
    if (found === null) {
      return;
    }
    const [only] = group;
    if (group.length === 1 && only !== undefined) {
      givers.set(only, found);
      return;
    }
    const middle = group.length >>> 1;
    await look(group.slice(0, middle));
    await look(group.slice(middle));
  };
  await look(parts);
  return givers;
}
