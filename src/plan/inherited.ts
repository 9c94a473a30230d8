import { type Picture, sectionHeader, sectionLines } from './picture.ts';
import type { Inherited } from './proxy.ts';
import type { Line, SectionLines } from './section-lines.ts';

/**
 * What a proxy gets from `defaults`: from those it names (`backend b from X`), else from the last ones before it.
 * Those may be made from others again (`defaults X from Y`).
 */
export function inheritedBy(picture: Picture, index: number, header: Line): Inherited {
  let lines: readonly Line[] = [];
  const unclear: string[] = [];
  const seen = new Set<number>();
  const name = parentName(header);
  let at = name === null ? lastDefaults(picture, index) : namedDefaults(picture, name);
  if (at === -1 && name !== null) unclear.push(`there are no defaults ${name}`);
  while (at !== -1 && !seen.has(at)) {
    seen.add(at);
    const section: SectionLines = sectionLines(picture, at);
    lines = [...section.body, ...lines];
    for (const { message } of section.unclear) unclear.push(`its defaults are not clear: ${message}`);
    const parent = parentName(section.header);
    at = parent === null ? -1 : namedDefaults(picture, parent);
    if (at === -1 && parent !== null) unclear.push(`there are no defaults ${parent}`);
  }
  return { lines, unclear };
}

function parentName({ words }: Line): string | null {
  const at = words.indexOf('from', 1);
  return at === -1 ? null : (words[at + 1] ?? null);
}

function lastDefaults({ sections }: Picture, before: number): number {
  for (let at = before - 1; at >= 0; at--) if (sections[at]?.kind === 'defaults') return at;
  return -1;
}

function namedDefaults(picture: Picture, name: string): number {
  return picture.sections.findIndex(
    ({ kind }, at) => kind === 'defaults' && sectionHeader(picture, at).words[1] === name,
  );
}
