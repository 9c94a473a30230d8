import { type Picture, sectionHeader, sectionLines } from './picture.ts';
import type { Inherited } from './proxy.ts';
import type { Line, SectionLines } from './section-lines.ts';

/** A proxy in a text. */
export interface ProxyPlace {
  readonly picture: Picture;
  readonly index: number;
  readonly header: Line;
}

/**
 * What a proxy gets from `defaults`: from those it names (`backend b from X`), else from the last ones before it.
 * Those may be made from others again (`defaults X from Y`). Where its own text has none, those of the files that are
 * loaded before it hold, the last one first.
 */
export function inheritedBy(
  { picture, index, header }: ProxyPlace,
  filesBefore: readonly Picture[] = [],
): Inherited {
  let lines: readonly Line[] = [];
  const unclear: string[] = [];
  const seen = new Set<string>();
  const pictures = [picture, ...filesBefore.toReversed()];
  const name = parentName(header);
  let place = name === null ? lastDefaults(pictures, index) : namedDefaults(pictures, name);
  if (place === null && name !== null) {
    unclear.push(`there are no defaults ${name}`);
  }
  while (place !== null && !seen.has(`${place.of} ${place.at}`)) {
    seen.add(`${place.of} ${place.at}`);
    const section: SectionLines = sectionLines(pictures[place.of] ?? picture, place.at);
    lines = [...section.body, ...lines];
    for (const { message } of section.unclear) {
      unclear.push(`its defaults are not clear: ${message}`);
    }
    const parent = parentName(section.header);
    place = parent === null ? null : namedDefaults(pictures, parent);
    if (place === null && parent !== null) {
      unclear.push(`there are no defaults ${parent}`);
    }
  }
  return { lines, unclear };
}

/** A section: of which picture, and where in it. */
interface Place {
  readonly of: number;
  readonly at: number;
}

function parentName({ words }: Line): string | null {
  const at = words.indexOf('from', 1);
  return at === -1 ? null : (words[at + 1] ?? null);
}

function lastDefaults(pictures: readonly Picture[], before: number): Place | null {
  for (const [of, { sections }] of pictures.entries()) {
    const end = of === 0 ? before : sections.length;
    const at = sections.findLastIndex(({ kind }, index) => index < end && kind === 'defaults');
    if (at !== -1) {
      return { of, at };
    }
  }
  return null;
}

function namedDefaults(pictures: readonly Picture[], name: string): Place | null {
  for (const [of, picture] of pictures.entries()) {
    const at = picture.sections.findIndex(
      ({ kind }, index) => kind === 'defaults' && sectionHeader(picture, index).words[1] === name,
    );
    if (at !== -1) {
      return { of, at };
    }
  }
  return null;
}
