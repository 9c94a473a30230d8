import type { Section } from './sections.ts';
import { readWords } from './words.ts';

/** A line of a section that says something. */
export interface Line {
  /** 1-based, in the whole text. */
  readonly number: number;
  readonly words: readonly string[];
}

/** A section, read. */
export interface SectionLines {
  /** Its first line: `backend be_web from http`. Empty for what stands before the first section. */
  readonly header: Line;
  readonly body: readonly Line[];
  /** What makes it impossible to know here what HAProxy reads: conditions, variables, scopes, broken quotes. */
  readonly unclear: readonly { readonly line: number; readonly message: string }[];
}

/** Reads a section of a text, from its first line to `end`. */
export function readSection(text: string, section: Section, end: number): SectionLines {
  const lines: Line[] = [];
  const unclear: { line: number; message: string }[] = [];
  if (section.depth > 0) {
    unclear.push({ line: section.line, message: 'it stands inside of an .if' });
  }
  let number = section.line;
  for (let start = section.start; start < end; number++) {
    const newline = text.indexOf('\n', start);
    const stop = newline === -1 || newline > end ? end : newline;
    const { words, variables, problem } = readWords(text.slice(start, stop));
    start = stop + 1;
    const message = problem ?? whyUnclear(words[0], variables);
    if (message !== undefined) {
      unclear.push({ line: number, message });
    }
    if (words.length > 0) {
      lines.push({ number, words });
    }
  }
  const named = section.kind !== '';
  const header = named ? lines[0] : undefined;
  return {
    header: header ?? { number: section.line, words: [] },
    body: named ? lines.slice(1) : lines,
    unclear,
  };
}

function whyUnclear(first: string | undefined, variables: boolean): string | undefined {
  if (variables) {
    return 'it depends on an environment variable';
  }
  if (first?.startsWith('.')) {
    return `it depends on ${first}`;
  }
  if (first?.startsWith('[')) {
    return 'a scope begins here';
  }
  return undefined;
}

/** The section as its first line names it: `backend be_web`, `global`. Null for what stands before all sections. */
export function sectionTitle(header: Line): string | null {
  return header.words.length === 0 ? null : header.words.slice(0, 2).join(' ');
}
