import type { UnitPart } from './unit-parts.ts';

/** So many parts are taken for each text. */
const EACH = 3;

/**
 * The parts whose service or key some texts speak of: lines of a configuration, words of an error. Of each text those first
 * of which it has the most; of all texts their first ones first. It is a guess, since a name may stand anywhere.
 */
export function mentioned<P extends Pick<UnitPart, 'unit' | 'step'>>(
  texts: readonly string[],
  parts: readonly P[],
): readonly P[] {
  const named = parts.map((part) => ({ part, names: namesOf(part) }));
  const best = texts.map((text) =>
    named
      .map(({ part, names }) => ({ part, length: mostIn(text, names) }))
      .filter(({ length }) => length > 0)
      .sort((a, b) => b.length - a.length)
      .slice(0, EACH)
      .map(({ part }) => part),
  );
  const byRank = Array.from({ length: EACH }, (_, rank) => best.flatMap((list) => list[rank] ?? []));
  return [...new Set(byRank.flat())];
}

/** A part by its names: each list all of them together. */
function namesOf({ unit, step }: Pick<UnitPart, 'unit' | 'step'>): readonly (readonly string[])[] {
  if (step.kind !== 'one') {
    return [[unit.name]];
  }
  const id = step.key.slice(step.key.lastIndexOf('/') + 1);
  return [[step.key], [unit.name, id], [unit.name]];
}

/** How much of a text the names are that stand in it; 0 where none does. */
function mostIn(text: string, names: readonly (readonly string[])[]): number {
  const lengths = names
    .filter((all) => all.every((name) => text.includes(name)))
    .map((all) => all.join('').length);
  return lengths.reduce((most, length) => Math.max(most, length), 0);
}
