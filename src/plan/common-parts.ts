/** How much of two texts is the same at their beginnings, and at their ends without overlapping that. */
export interface CommonParts {
  readonly prefix: number;
  readonly suffix: number;
}

const STEP = 1 << 16;

/** Compares by slices, which costs a fraction of looking at each character. */
export function commonParts(a: string, b: string): CommonParts {
  const shorter = Math.min(a.length, b.length);
  const prefix = extent(shorter, (from, to) => a.slice(from, to) === b.slice(from, to));
  const suffix = extent(shorter - prefix, (from, to) => {
    return a.slice(a.length - to, a.length - from) === b.slice(b.length - to, b.length - from);
  });
  return { prefix, suffix };
}

/** The largest n up to `limit` for which everything from 0 to n is `same`. */
function extent(limit: number, same: (from: number, to: number) => boolean): number {
  let known = 0;
  for (let step = STEP; step >= 1; ) {
    const next = Math.min(known + step, limit);
    if (next > known && same(known, next)) {
      known = next;
    } else {
      step = Math.floor(step / 2);
    }
  }
  return known;
}
