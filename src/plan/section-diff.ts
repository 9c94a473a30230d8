import { shorten } from '../model/shorten.ts';
import type { Reason } from './plan.ts';
import { Reasons } from './reasons.ts';
import { type Line, type SectionLines, sectionTitle } from './section-lines.ts';

/** Why the lines of a section other than its servers need a reload; nothing where they say the same. */
export function diffLines(
  before: SectionLines,
  after: SectionLines,
  lines: { readonly before: readonly Line[]; readonly after: readonly Line[] },
): Reasons {
  const section = sectionTitle(after.header) ?? sectionTitle(before.header);
  const old = [before.header, ...lines.before];
  const next = [after.header, ...lines.after];
  return sameLines(old, next) ? new Reasons() : explain(old, next, section);
}

/** Whether HAProxy reads the same in all of them. */
export function sameLines(a: readonly Line[], b: readonly Line[]): boolean {
  return a.length === b.length && a.every((line, at) => sameLine(line, b[at]));
}

/** Whether HAProxy reads the same in both. */
export function sameLine(a: Line | undefined, b: Line | undefined): boolean {
  if (!a || !b || a.words.length !== b.words.length) {
    return false;
  }
  return a.words.every((word, index) => word === b.words[index]);
}

function explain(old: readonly Line[], next: readonly Line[], section: string | null): Reasons {
  const before = countLines(old);
  const after = countLines(next);
  const added = next.filter((line) => !take(before, line));
  const gone = old.filter((line) => !take(after, line));
  const reasons = new Reasons();
  reasons.addEach(added, (line) => lineReason(line, 'new', section));
  reasons.addEach(gone, (line) => lineReason(line, 'old', section));
  if (reasons.count > 0) {
    return reasons;
  }
  const message = 'the order of its lines is changed';
  const moved = next.find((line, at) => !sameLine(line, old[at]));
  reasons.add([{ about: 'line', message, section, line: moved?.number ?? null, of: 'new' }]);
  return reasons;
}

/** What a reason shows of a line: a word of it can be as long as a value. */
const MOST_TEXT = 120;

function lineReason(line: Line, of: 'new' | 'old', section: string | null): Reason {
  const what = `"${shorten(line.words.slice(0, 2).join(' ').replaceAll('\0', ''), MOST_TEXT)}"`;
  return {
    about: 'line',
    message: `${what} is ${of === 'new' ? 'new or changed' : 'gone or changed'}`,
    section,
    line: line.number,
    of,
  };
}

function countLines(lines: readonly Line[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    counts.set(key(line), (counts.get(key(line)) ?? 0) + 1);
  }
  return counts;
}

function take(counts: Map<string, number>, line: Line): boolean {
  const count = counts.get(key(line)) ?? 0;
  if (count > 0) {
    counts.set(key(line), count - 1);
  }
  return count > 0;
}

function key(line: Line): string {
  return line.words.join('\u0001');
}
