import { hash } from 'node:crypto';

const START = '\n# pointsman: ';
const MARK = /^\n# pointsman: [^\n]*\nglobal\n {2}set-var proc\.pointsman_mark str\(([0-9a-f]{16})\)\n$/;

/** What is known of a text. */
interface Known {
  readonly text: string;
  readonly hash: string;
  /** What the mark adds to it. */
  readonly tail: string;
  /** With its mark. V8 makes a second copy of the whole as soon as somebody looks into it. */
  readonly marked: string;
}

/**
 * The texts that were asked for last: one pass asks for the same few again and again. They may be large, so each is
 * made and held once, and to compare it with itself costs nothing.
 */
const known: Known[] = [];
/** What runs, what is installed, and what comes next. */
const REMEMBERED = 3;

function know(text: string): Known {
  const at = known.findIndex((one) => one.text === text);
  const found = known[at];
  if (found) {
    if (at > 0) {
      known.splice(at, 1);
      known.unshift(found);
    }
    return found;
  }
  const digest = hash('sha256', text).slice(0, 16);
  const gap = text.endsWith('\n') ? '' : '\n';
  const tail = `${gap}\n# pointsman: which text this is; readable with "get var proc.pointsman_mark"\nglobal\n  set-var proc.pointsman_mark str(${digest})\n`;
  const one = { text, hash: digest, tail, marked: `${text}${tail}` };
  known.unshift(one);
  if (known.length > REMEMBERED) {
    known.pop();
  }
  return one;
}

/** The same text, as the object that is held already where it was asked for lately. */
export function sameText(text: string): string {
  return know(text).text;
}

/** The hash of a rendered text: 16 hex digits, short enough to read aloud. */
export function hashText(text: string): string {
  return know(text).hash;
}

/** The text as it is published: with a last `global` section that tells HAProxy which text it runs. */
export function withMark(text: string): string {
  return know(text).marked;
}

/** The parts of a file's text, to be written one after the other: no whole copy is made for the few bytes of a mark. */
export function partsOf(fileText: string): readonly string[] {
  const ours = known.find((one) => one.marked === fileText);
  return ours ? [ours.text, ours.tail] : [fileText];
}

/**
 * Takes the mark off again. `mark` is null where the file carries none, and then `text` is all of it. A text
 * without a final newline comes back without it; one that was edited by hand no longer fits its mark.
 */
export function splitMark(fileText: string): { readonly text: string; readonly mark: string | null } {
  const ours = known.find((one) => one.marked === fileText);
  if (ours) {
    return { text: ours.text, mark: ours.hash };
  }
  const start = fileText.lastIndexOf(START);
  const mark = start < 0 ? undefined : MARK.exec(fileText.slice(start))?.[1];
  if (mark === undefined) {
    return { text: fileText, mark: null };
  }
  const text = fileText.slice(0, start);
  const bare = text.replace(/\n$/, '');
  return { text: hashText(bare) === mark ? bare : text, mark };
}
