import { compare } from '../model/entry.ts';

/** The names that a person may have meant by `wrong`, nearest first, at most three. */
export function nearestNames(wrong: string, names: Iterable<string>): string[] {
  const limit = wrong.length <= 3 ? 1 : wrong.length <= 8 ? 2 : 3;
  return [...names]
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

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
