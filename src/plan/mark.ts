import { createHash } from 'node:crypto';

const MARK = /\n# pointsman: [^\n]*\nglobal\n {2}set-var proc\.pointsman_mark str\(([0-9a-f]{16})\)\n$/;

/** The hash of a rendered text: 16 hex digits, short enough to read aloud. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The text as it is published: with a last `global` section that tells HAProxy which text it runs. */
export function withMark(text: string): string {
  const gap = text.endsWith('\n') ? '' : '\n';
  return `${text}${gap}\n# pointsman: which text this is; readable with "get var proc.pointsman_mark"\nglobal\n  set-var proc.pointsman_mark str(${hashText(text)})\n`;
}

/**
 * Takes the mark off again. `mark` is null where the file carries none, and then `text` is all of it. A text
 * without a final newline comes back without it; one that was edited by hand no longer fits its mark.
 */
export function splitMark(fileText: string): { readonly text: string; readonly mark: string | null } {
  const found = MARK.exec(fileText);
  const mark = found?.[1];
  if (!found || mark === undefined) return { text: fileText, mark: null };
  const text = fileText.slice(0, found.index);
  const bare = text.replace(/\n$/, '');
  return { text: hashText(bare) === mark ? bare : text, mark };
}
