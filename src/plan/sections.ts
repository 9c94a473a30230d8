import { readWords } from './words.ts';

/** Where a section of a text begins. It holds numbers only: its text is cut from the whole when it is asked for. */
export interface Section {
  /** Offset of its first line. What stands before the first section is a section of the kind `` (empty). */
  readonly start: number;
  /** 1-based. */
  readonly line: number;
  /** `backend`, `global`, … */
  readonly kind: string;
  /** How many `.if` are open where it begins. */
  readonly depth: number;
  /** It may name servers of any backend: `track`, `srv_is_up(b/s)`, `use-server`. */
  readonly naming: boolean;
}

/** A stretch of a text to look for sections in. */
export interface Stretch {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** What is known of the place where it begins. @default line 1, outside of any `.if` */
  readonly line?: number;
  readonly depth?: number;
}

/** What `findSections` found. */
export interface FoundSections {
  readonly sections: readonly Section[];
  /** How many lines begin in the stretch, and how many `.if` are open at its end. */
  readonly lines: number;
  readonly depth: number;
}

/** Every section of HAProxy 2.6 to 3.4. A word that is not here is a line of the section before it. */
const KINDS =
  'acme|backend|cache|crt-store|defaults|fcgi-app|frontend|global|healthcheck|http-errors|listen|log-forward|log-profile|mailers|peers|program|resolvers|ring|traces|userlist';
const KIND = new RegExp(`(?:${KINDS})(?=[\\s#]|$)`, 'y');
const KIND_WORD = new RegExp(`^(?:${KINDS})$`);
const WORD = /[^ \t\v\f\r\n]+/y;

/** Whether a line that begins with this word begins a section. */
export function isSection(word: string): boolean {
  return KIND_WORD.test(word);
}

/** Letters that a section may begin with, and what a word may be disguised with. */
const FIRST = new Set([...'abcdfghlmprtu"\'\\'].map((c) => c.charCodeAt(0)));
const NAMING = /track|srv_|use-server/;
const DOT = 46;
const NEWLINE = 10;

/** Finds the sections of a stretch that begins at the start of a line. */
export function findSections({ text, from, to, line = 1, depth = 0 }: Stretch): FoundSections {
  const sections: Section[] = [];
  let current = line;
  let open = depth;
  let next: Omit<Section, 'naming'> | null = from === 0 ? { start: 0, line: 1, kind: '', depth: 0 } : null;
  const close = (end: number) => {
    if (next) {
      sections.push({ ...next, naming: NAMING.test(text.slice(next.start, end)) });
    }
  };
  for (let start = from; start < to; current++) {
    let at = start;
    let c = text.charCodeAt(at);
    while (c === 32 || (c >= 9 && c <= 13 && c !== NEWLINE)) {
      c = text.charCodeAt(++at);
    }
    if (c === DOT) {
      open += conditionStep(text, at);
    } else if (FIRST.has(c)) {
      const kind = kindAt(text, at);
      if (kind !== '') {
        close(start);
        next = { start, line: current, kind, depth: open };
      }
    }
    const end = text.indexOf('\n', at);
    start = end === -1 ? to : end + 1;
  }
  close(to);
  return { sections, lines: current - line, depth: open };
}

/** `.if` opens, `.endif` closes; the others in between leave it as it is. */
function conditionStep(text: string, at: number): number {
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0];
  return word === '.if' ? 1 : word === '.endif' ? -1 : 0;
}

/** The section that begins with the word at `at`, or nothing. `back"end"` is one as well. */
function kindAt(text: string, at: number): string {
  KIND.lastIndex = at;
  const found = KIND.exec(text);
  if (found) {
    return found[0];
  }
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0] ?? '';
  if (!/["'\\]/.test(word)) {
    return '';
  }
  const end = text.indexOf('\n', at);
  const first = readWords(text.slice(at, end === -1 ? undefined : end)).words[0] ?? '';
  return KIND_WORD.test(first) ? first : '';
}
