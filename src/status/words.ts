/** The first of a list, and how many more there are. */
export function shortList(all: readonly string[], most: number, count = all.length): string {
  const more = count - Math.min(all.length, most);
  return `${all.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `1 key`, `2 keys`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** How long something takes or is ago: `12 s`, `4 min`, `3 h`, `2 d`. */
export function span(seconds: number): string {
  const [value, unit] =
    seconds < 100
      ? [seconds, 's']
      : seconds < 6_000
        ? [seconds / 60, 'min']
        : seconds < 172_800
          ? [seconds / 3_600, 'h']
          : [seconds / 86_400, 'd'];
  return `${Math.round(Number(value))} ${unit}`;
}

/** What stands before the first line break. */
export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
