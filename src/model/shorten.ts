/**
 * A value for people: at most `limit` characters; control characters, invisible ones, those that turn the direction
 * of writing and halves of characters are escaped.
 */
export function shorten(value: string, limit = 80): string {
  const head = value.length > limit ? `${value.slice(0, limit - 1)}…` : value;
  return head.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\\t';
    const code = (char.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
