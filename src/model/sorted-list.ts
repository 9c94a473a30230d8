/** What changes in a sorted list. */
export interface ListChange<T> {
  /** What is not in it any more. */
  readonly out: ReadonlySet<T>;
  /** What comes into it, in any order. */
  readonly more: readonly T[];
  readonly order: (a: T, b: T) => number;
}

/** A sorted list with a change, in one walk over it: of a long list with few changes almost nothing is compared. */
export function withChanges<T>(list: readonly T[], { out, more, order }: ListChange<T>): T[] {
  const coming = [...more].sort(order);
  const all: T[] = [];
  let at = 0;
  for (const one of list) {
    if (out.size > 0 && out.has(one)) {
      continue;
    }
    let next = coming[at];
    while (next !== undefined && order(next, one) <= 0) {
      all.push(next);
      at++;
      next = coming[at];
    }
    all.push(one);
  }
  for (const next of coming.slice(at)) {
    all.push(next);
  }
  return all;
}
