const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * True for texts that could become more than one token or line of HAProxy's configuration, and for halves of
 * characters (`"\ud800"` of JSON): a file holds another character instead of one, and would never be the text.
 */
export function hasControlCharacters(text: string): boolean {
  return CONTROL.test(text) || !text.isWellFormed();
}

/**
 * Finds the first text (or field name) in data that holds a line break or a control character.
 * Gives where it stands, such as `.a[0].b`, or null where all is well.
 */
export function findControlCharacters(value: unknown): string | null {
  if (typeof value === 'string') {
    return hasControlCharacters(value) ? '' : null;
  }
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const below = findControlCharacters(value[at]);
      if (below !== null) {
        return `[${at}]${below}`;
      }
    }
    return null;
  }
  for (const [key, item] of Object.entries(value)) {
    if (hasControlCharacters(key)) {
      return `.${JSON.stringify(key)}`;
    }
    const below = findControlCharacters(item);
    if (below !== null) {
      return `.${key}${below}`;
    }
  }
  return null;
}
