import { type Picture, type Step, sectionHeader, sectionText } from '../plan/picture.ts';
import { sectionTitle } from '../plan/section-lines.ts';
import { pairSections } from '../plan/section-pairs.ts';

/** A unified diff, and how many lines it adds and removes. */
export interface TextDiff {
  readonly diff: string;
  readonly added: number;
  readonly removed: number;
}

/** Lines around a change. */
const CONTEXT = 2;
/** More edits than that within a section: its changed middle is told as a whole. */
const MOST_EDITS = 400;
const NO_NEWLINE = '\\ No newline at end of file';

/**
 * The unified diff from one text of HAProxy to another, a hunk for each change of a section. What the planner knows of
 * both says where they can differ: nothing else is looked at. `applyDiff` makes the second text of the first.
 */
export async function diffTexts(old: Picture, step: Step): Promise<TextDiff> {
  const { diffArrays } = await import('diff');
  const hunks: string[] = [];
  let [added, removed] = [0, 0];
  for (const { at, title, before, after } of regionsOf(old, step)) {
    const head = commonHead(before, after);
    const tail = commonTail(before, after, head);
    const [from, to] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
    const edits = diffArrays(from, to, { maxEditLength: MOST_EDITS }) ?? [
      { added: false, removed: true, value: from },
      { added: true, removed: false, value: to },
    ];
    for (const hunk of hunksOf(before, edits, head)) {
      hunks.push(writeHunk(hunk, { at: at + hunk.from, shift: added - removed, title }));
      added += count(hunk.rows, '+');
      removed += count(hunk.rows, '-');
    }
  }
  return { diff: hunks.join(''), added, removed };
}

/** A stretch of whole lines in which two texts differ. */
interface Region {
  /** Lines of the old text before it. */
  readonly at: number;
  readonly title: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Sections that are in both texts in the same order stand for themselves; what is between them is replaced as a whole. */
function regionsOf(old: Picture, step: Step): readonly Region[] {
  const { next, from, oldEnd, nextEnd } = step;
  const regions: Region[] = [];
  let [at, to] = [from, from];
  const replace = (oldTo: number, nextTo: number, title: string) => {
    const before = between(old, at, oldTo);
    const after = between(next, to, nextTo);
    if (before !== after) {
      const line = (old.sections[at]?.line ?? linesOf(old.text).length + 1) - 1;
      regions.push({ at: line, title, before: linesOf(before), after: linesOf(after) });
    }
    [at, to] = [oldTo, nextTo];
  };
  for (const pair of pairSections(old, step).pairs.toSorted((a, b) => a.next - b.next)) {
    if (pair.old < at) {
      continue;
    }
    replace(pair.old, pair.next, '');
    replace(pair.old + 1, pair.next + 1, sectionTitle(sectionHeader(old, pair.old)) ?? '');
  }
  replace(oldEnd, nextEnd, '');
  return regions;
}

function between(picture: Picture, from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index++) {
    text += sectionText(picture, index);
  }
  return text;
}

/** Lines with their ends: the last one may have none. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function commonHead(a: readonly string[], b: readonly string[]): number {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) {
    same++;
  }
  return same;
}

function commonTail(a: readonly string[], b: readonly string[], head: number): number {
  let same = 0;
  while (same < a.length - head && same < b.length - head && a.at(-1 - same) === b.at(-1 - same)) {
    same++;
  }
  return same;
}

/** `from`: how many lines of the region stand before it. Each row begins with its sign. */
interface Hunk {
  readonly from: number;
  readonly rows: string[];
}

interface Edit {
  readonly added?: boolean;
  readonly removed?: boolean;
  readonly value: readonly string[];
}

function hunksOf(before: readonly string[], edits: readonly Edit[], head: number): readonly Hunk[] {
  const hunks: Hunk[] = [];
  let open: Hunk | null = null;
  /** Of the lines of `before`: the next one, and the end of what the open hunk has. */
  let [at, shown] = [head, 0];
  const context = (hunk: Hunk, to: number) => {
    for (; shown < to; shown++) {
      hunk.rows.push(` ${before[shown] ?? ''}`);
    }
  };
  for (const { added, removed, value } of edits) {
    if (!added && !removed) {
      at += value.length;
      continue;
    }
    if (open && at - shown > 2 * CONTEXT) {
      context(open, shown + CONTEXT);
      open = null;
    }
    if (!open) {
      shown = Math.max(shown, at - CONTEXT);
      open = { from: shown, rows: [] };
      hunks.push(open);
    }
    context(open, at);
    for (const line of value) {
      open.rows.push(`${added ? '+' : '-'}${line}`);
    }
    if (removed) {
      at += value.length;
      shown = at;
    }
  }
  if (open) {
    context(open, Math.min(before.length, shown + CONTEXT));
  }
  return hunks;
}

function writeHunk(
  { rows }: Hunk,
  { at, shift, title }: { readonly at: number; readonly shift: number; readonly title: string },
): string {
  const olds = rows.length - count(rows, '+');
  const news = rows.length - count(rows, '-');
  // Of no lines at all, the one before them is named.
  const place = (lines: number, start: number) => `${lines === 0 ? start : start + 1},${lines}`;
  const head = `@@ -${place(olds, at)} +${place(news, at + shift)} @@${title === '' ? '' : ` ${title}`}\n`;
  return head + rows.map((row) => (row.endsWith('\n') ? row : `${row}\n${NO_NEWLINE}\n`)).join('');
}

function count(rows: readonly string[], sign: string): number {
  return rows.filter((row) => row.startsWith(sign)).length;
}

const HEAD = /^@@ -(\d+),(\d+) \+\d+,\d+ @@/;

/** The second text of a diff, made of the lines of the first; null where the diff is not of that text. */
export function applyDiff(before: readonly string[], diff: string): string[] | null {
  const after: string[] = [];
  let at = 0;
  for (const row of joined(diff)) {
    const head = HEAD.exec(row);
    if (head) {
      const [start, lines] = [Number(head[1]), Number(head[2])];
      const to = lines === 0 ? start : start - 1;
      if (to < at || to > before.length) {
        return null;
      }
      for (; at < to; at++) {
        after.push(before[at] ?? '');
      }
      continue;
    }
    const line = row.slice(1);
    if (row[0] !== '+') {
      if (before[at] !== line) {
        return null;
      }
      at++;
    }
    if (row[0] !== '-') {
      after.push(line);
    }
  }
  for (; at < before.length; at++) {
    after.push(before[at] ?? '');
  }
  return after;
}

/** The rows of a diff; those of a line without an end have none. */
function joined(diff: string): readonly string[] {
  const rows: string[] = [];
  for (const row of linesOf(diff)) {
    if (row === `${NO_NEWLINE}\n`) {
      rows.push((rows.pop() ?? '').slice(0, -1));
    } else {
      rows.push(row);
    }
  }
  return rows;
}
