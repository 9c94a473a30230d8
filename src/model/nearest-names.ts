import { compare } from './entry.ts';

/** The names that a person may have meant by `wrong`, nearest first, at most three. */
export function nearestNames(wrong: string, names: Iterable<string>): string[] {
  const limit = wrong.length <= 3 ? 1 : wrong.length <= 8 ? 2 : 3;
  return [...names]
    .filter((name) => Math.abs(name.length - wrong.length) <= limit)
    .map((name) => ({ name, distance: distance(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter((one) => one.distance <= limit)
    .sort((a, b) => a.distance - b.distance || compare(a.name, b.name))
    .slice(0, 3)
    .map((one) => one.name);
}

/** A hint such as `did you mean "services"?`, or undefined where nothing is near. */
export function didYouMean(wrong: string, names: Iterable<string>): string | undefined {
  const near = nearestNames(wrong, names).map((name) => `"${name}"`);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}

/** Levenshtein's distance, where two neighbours in the wrong order count as one change. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = at(row, j) + (a[i] === b[j] ? 0 : 1);
      const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swap = swapped ? at(before, j - 1) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(change, swap, at(row, j + 1) + 1, at(next, j) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
