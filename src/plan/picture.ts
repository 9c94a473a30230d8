import { type Line, readSection, type SectionLines } from './section-lines.ts';
import { findSections, type Section } from './sections.ts';
import { readWords } from './words.ts';

/** A text and where its sections are. The first one is what stands before all others, mostly nothing. */
export interface Picture {
  readonly text: string;
  readonly sections: readonly Section[];
}

/** A picture of a new text, and the only sections in which it can differ from the old one. */
export interface Step {
  readonly next: Picture;
  /** Indexes of both pictures' sections: from `from` on, up to and without `oldEnd` and `nextEnd`. */
  readonly from: number;
  readonly oldEnd: number;
  readonly nextEnd: number;
}

/** Looks through a whole text. */
export function takePicture(text: string): Picture {
  return { text, sections: findSections({ text, from: 0, to: text.length }).sections };
}

/**
 * Looks only through what lies between the common beginning and the common end of both texts: the cost is that of
 * comparing two strings, and of the part that changed.
 */
export function nextPicture(old: Picture, text: string): Step {
  const { sections } = old;
  const { prefix, suffix } = commonParts(old.text, text);
  const from = lastWhole(old, prefix);
  const oldEnd = firstWhole(old, old.text.length - suffix, from);
  const start = sections[from];
  const rest = sections[oldEnd];
  const shift = text.length - old.text.length;
  const stretch = { text, from: start?.start ?? 0, to: rest ? rest.start + shift : text.length };
  const found = findSections({ ...stretch, line: start?.line ?? 1, depth: start?.depth ?? 0 });
  const lines = (start?.line ?? 1) + found.lines - (rest?.line ?? 0);
  const depth = found.depth - (rest?.depth ?? 0);
  const same = shift === 0 && lines === 0 && depth === 0;
  const after = sections.slice(oldEnd);
  const moved = same ? after : after.map((section) => move(section, { shift, lines, depth }));
  const next = { text, sections: [...sections.slice(0, from), ...found.sections, ...moved] };
  return { next, from, oldEnd, nextEnd: from + found.sections.length };
}

function move(section: Section, by: { shift: number; lines: number; depth: number }): Section {
  const { start, line, depth } = section;
  return { ...section, start: start + by.shift, line: line + by.lines, depth: depth + by.depth };
}

/** The last section whose first line lies whole before `end`; the first of all where none does. */
function lastWhole({ text, sections }: Picture, end: number): number {
  let index = sections.findLastIndex(({ start }) => start <= end);
  while (index > 0) {
    const start = sections[index]?.start ?? 0;
    const newline = text.indexOf('\n', start);
    // At the very beginning there are two sections: the empty one before all others comes first.
    if (start > 0 && newline !== -1 && newline < end) {
      return index;
    }
    index--;
  }
  return 0;
}

/** The first section behind `from` that begins after `begin`, with the line break before it. */
function firstWhole({ sections }: Picture, begin: number, from: number): number {
  const index = sections.findIndex(({ start }, at) => at > from && start > begin);
  return index === -1 ? sections.length : index;
}

/** The text of a section. */
export function sectionText(picture: Picture, index: number): string {
  return picture.text.slice(
    picture.sections[index]?.start ?? picture.text.length,
    sectionEnd(picture, index),
  );
}

/** The lines of a section. */
export function sectionLines(picture: Picture, index: number): SectionLines {
  const section = picture.sections[index];
  if (!section) {
    return { header: { number: 1, words: [] }, body: [], unclear: [] };
  }
  return readSection(picture.text, section, sectionEnd(picture, index));
}

/** The first line of a section; no words for what stands before all sections. */
export function sectionHeader({ text, sections }: Picture, index: number): Line {
  const { start, line, kind } = sections[index] ?? { start: 0, line: 1, kind: '' };
  const newline = text.indexOf('\n', start);
  const words = kind === '' ? [] : readWords(text.slice(start, newline === -1 ? text.length : newline)).words;
  return { number: line, words };
}

function sectionEnd({ text, sections }: Picture, index: number): number {
  return sections[index + 1]?.start ?? text.length;
}

/** How much of two texts is the same at their beginnings, and at their ends without overlapping that. */
interface CommonParts {
  readonly prefix: number;
  readonly suffix: number;
}

const STEP = 1 << 16;

/** Compares by slices, which costs a fraction of looking at each character. */
function commonParts(a: string, b: string): CommonParts {
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
