/** One step of a change that may be left out: taken steps build upon the last good state. */
export interface Part {
  readonly id: string;
  /** The id of the part that has to be taken for this one to mean anything, or null. */
  readonly needs: string | null;
}

/** What a search asks and tells. `R` is a refusal: whatever says why a set of parts was not accepted. */
export interface SearchOptions<P extends Part, R, W> {
  /** In the order in which they are kept; each after the one that it needs. */
  readonly parts: readonly P[];
  /** What was said of all of them together. */
  readonly refusal: R;
  /** Judges the last good state with these parts, after so many culprits; null is accepted. What it throws ends the search. */
  test(parts: readonly P[], culprits: number): Promise<R | null>;
  /** Those of `rest` that the refusal of `kept` and `rest` names by itself, each with the words about it. */
  blame(
    refusal: R,
    parts: { readonly kept: readonly P[]; readonly rest: readonly P[] },
  ): Promise<ReadonlyMap<P, W>>;
  /** The words for a part that was found by halving; null where that says nothing: only what is named is to blame. */
  words(refusal: R): W | null;
}

/** What a search found. */
export type SearchResult<P, R, W> =
  /** The text of `kept` was judged itself and accepted; `aside` says why each other part is left out. */
  | { readonly kind: 'settled'; readonly kept: readonly P[]; readonly aside: ReadonlyMap<P, W> }
  /** Not even the last good state is accepted now: none of the parts is to blame. */
  | { readonly kind: 'base refused'; readonly refusal: R }
  /** The refusal names nothing, and no test would tell. */
  | { readonly kind: 'nobody named' };

/** After so many rounds in which what was named did not help, lines are not to be trusted. */
const ROUNDS = 4;

/**
 * Finds what has to be left out of a refused change: first whatever the refusal names, all at once; only where
 * it names nothing by halving, in the order of the parts, keeping each half that passes together with what is
 * kept already. The parts that are kept were accepted together, as one text.
 */
export async function searchCulprits<P extends Part, R, W>(
  options: SearchOptions<P, R, W>,
): Promise<SearchResult<P, R, W>> {
  const aside = new Map<P, W>();
  const test = (parts: readonly P[]) => options.test(parts, aside.size);
  let { parts: rest, refusal } = options;
  let kept: readonly P[] = [];
  const leaveOut = (named: ReadonlyMap<P, W>) => {
    withDependents(named, rest).forEach((words, part) => void aside.set(part, words));
    rest = rest.filter((part) => !aside.has(part));
  };
  let rounds = 0;
  let isBaseGood = false;
  for (;;) {
    const named = rounds < ROUNDS ? await options.blame(refusal, { kept, rest }) : new Map<P, W>();
    if (named.size > 0) {
      rounds++;
      leaveOut(named);
    } else if (options.words(refusal) === null) {
      return { kind: 'nobody named' };
    } else {
      const wrong = isBaseGood ? null : await test([]);
      if (wrong !== null) {
        return { kind: 'base refused', refusal: wrong };
      }
      isBaseGood = true;
      const found = await halve({ kept, rest, refusal }, test);
      const culprit = rest[found.at];
      kept = [...kept, ...rest.slice(0, found.at)];
      rest = rest.slice(found.at);
      const words = options.words(found.refusal);
      if (culprit !== undefined && words !== null) {
        leaveOut(new Map([[culprit, words]]));
      }
      if (rest.length === 0) {
        return { kind: 'settled', kept, aside };
      }
    }
    const taken = [...kept, ...rest];
    const answer = await test(taken);
    if (answer === null) {
      return { kind: 'settled', kept: taken, aside };
    }
    if (taken.length === 0) {
      return { kind: 'base refused', refusal: answer };
    }
    refusal = answer;
  }
}

/** The first part with which what is kept is refused, and what is said of it; past the last one where none is. */
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
  if (fails === rest.length) {
    // All of it was refused before the last good state was accepted: what the check reads may be mended since.
    const answer = await test([...kept, ...rest]);
    return answer === null ? { at: fails, refusal: said } : { at: passes, refusal: answer };
  }
  return { at: passes, refusal: said };
}

/** What cannot stay without one of these goes with it, for the same reason. */
function withDependents<P extends Part, W>(named: ReadonlyMap<P, W>, parts: readonly P[]): ReadonlyMap<P, W> {
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

/** How parts are found that give something. */
export interface GiverSearch<P, T> {
  /** What some parts give together; null where it is nothing. */
  finds(parts: readonly P[]): Promise<T | null>;
  /** The parts that what was found speaks of, the likeliest first. Each is tried alone: it need not be right. */
  guess(found: T, parts: readonly P[]): readonly P[];
}

/**
 * The parts of a list that each by itself give what `finds` looks for, with what they give. Those that what was found speaks of
 * are tried first, which takes two tries for each of them; then groups that give nothing are passed over whole, so that a
 * few among many cost little. What only several give together is not found.
 */
export async function findGivers<P, T>(
  parts: readonly P[],
  search: GiverSearch<P, T>,
): Promise<ReadonlyMap<P, T>> {
  const givers = new Map<P, T>();
  const tried = new Set<P>();
  let rest = parts;
  let found = await findsIn(rest, search);
  while (found !== null) {
    const untried = rest.filter((part) => !tried.has(part));
    const named = await guessGivers(search.guess(found, untried), { search, tried });
    if (named.size === 0) {
      await halveForGivers(rest, { found, search, givers });
      return givers;
    }
    named.forEach((given, part) => void givers.set(part, given));
    rest = rest.filter((part) => !givers.has(part));
    found = await findsIn(rest, search);
  }
  return givers;
}

/** So many wrong guesses in a row are enough. */
const WRONG = 4;

async function guessGivers<P, T>(
  guessed: readonly P[],
  { search, tried }: { readonly search: GiverSearch<P, T>; readonly tried: Set<P> },
): Promise<Map<P, T>> {
  const givers = new Map<P, T>();
  let wrong = 0;
  for (const part of guessed) {
    tried.add(part);
    const found = await search.finds([part]);
    if (found !== null) {
      givers.set(part, found);
      wrong = 0;
    } else if (++wrong >= WRONG) {
      break;
    }
  }
  return givers;
}

/** `found`: what all of them give together. */
async function halveForGivers<P, T>(
  parts: readonly P[],
  {
    found,
    search,
    givers,
  }: { readonly found: T; readonly search: GiverSearch<P, T>; readonly givers: Map<P, T> },
): Promise<void> {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    givers.set(only, found);
    return;
  }
  const middle = parts.length >>> 1;
  for (const half of [parts.slice(0, middle), parts.slice(middle)]) {
    const inHalf = await findsIn(half, search);
    if (inHalf !== null) {
      await halveForGivers(half, { found: inHalf, search, givers });
    }
  }
}

async function findsIn<P, T>(parts: readonly P[], { finds }: GiverSearch<P, T>): Promise<T | null> {
  return parts.length === 0 ? null : finds(parts);
}
