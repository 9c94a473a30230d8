/**
 * The named lines (1-based) of a text, as they are shown under HAProxy's words: `  12 | server x 10.0.0.1:80`.
 * Lines that the text does not have are left out; more than `most` are counted.
 */
export function excerpt(text: string, lines: readonly number[], most = 10): string {
  const all = text.split('\n');
  const real = lines.filter((line) => line >= 1 && line <= all.length);
  const width = String(Math.max(0, ...real)).length;
  const shown = real
    .slice(0, most)
    .map((line) => `  ${String(line).padStart(width)} | ${(all[line - 1] ?? '').trim()}`);
  const more = real.length - shown.length;
  return [...shown, ...(more > 0 ? [`  … and ${more} more`] : [])].join('\n');
}
