/** A value for people: control characters escaped, at most `limit` characters. */
export function shorten(value: string, limit = 80): string {
  const head = value.length > limit ? `${value.slice(0, limit - 1)}…` : value;
  return head.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    if (c === '\n') return '\\n';
    if (c === '\r') return '\\r';
    if (c === '\t') return '\\t';
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
