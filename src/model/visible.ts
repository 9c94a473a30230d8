/**
 * What nobody sees, or what is seen as something else: control characters, halves of characters, what is unassigned,
 * invisible or turns the direction of writing, every blank but the space.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;
/** The same, but for what lays out a text of several lines. */
const UNSEEN_IN_LINES = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;
const PLAIN = /^[\n\t -~]*$/;
const PLAIN_LINE = /^[ -~]*$/;

/**
 * A text of anybody's as people may be shown it, in one line: whatever is not seen as what it is, is escaped. It goes
 * for keys, values, and words of other programs alike.
 */
export function visible(text: string): string {
  return PLAIN_LINE.test(text) ? text : text.replace(UNSEEN, escapeCharacter);
}

/** The same for a text of several lines: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return PLAIN.test(text) ? text : text.replaceAll('\r\n', '\n').replace(UNSEEN_IN_LINES, escapeCharacter);
}

/** JSON or double-quoted YAML that means the same and holds nothing unseen: only strings can hold it, and escapes are theirs. */
export function visibleQuoted(text: string, beyond: 'pairs' | 'long' = 'pairs'): string {
  return text.replace(UNSEEN_IN_LINES, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code > 0xffff && beyond === 'long') {
      return `\\U${code.toString(16).padStart(8, '0')}`;
    }
    return [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join('');
  });
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) {
    return short;
  }
  const code = character.codePointAt(0) ?? 0;
  // A byte that is no UTF-8: see `textOf` of the sources.
  if (code >= 0xdc80 && code <= 0xdcff) {
    return `\\x${(code - 0xdc00).toString(16)}`;
  }
  const digits = code.toString(16);
  return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`;
}
