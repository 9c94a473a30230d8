import { createHash } from 'node:crypto';

const START = '\n# pointsman: ';
const MARK = /^\n# pointsman: [^\n]*\nglobal\n {2}set-var proc\.pointsman_mark str\(([0-9a-f]{16})\)\n$/;

/** The texts that were hashed last: one pass asks for the same few again and again, and they may be large. */
const hashed: { readonly text: string; readonly hash: string }[] = [];
const REMEMBERED = 4;

/** The hash of a rendered text: 16 hex digits, short enough to read aloud. */
export function hashText(text: string): string {
  const known = hashed.find((one) => one.text === text);
  if (known) return known.hash;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  hashed.unshift({ text, hash });
  if (hashed.length > REMEMBERED) hashed.pop();
  return hash;
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
  const start = fileText.lastIndexOf(START);
  const mark = start < 0 ? undefined : MARK.exec(fileText.slice(start))?.[1];
  if (mark === undefined) return { text: fileText, mark: null };
  const text = fileText.slice(0, start);
  const bare = text.replace(/\n$/, '');
  return { text: hashText(bare) === mark ? bare : text, mark };
}
