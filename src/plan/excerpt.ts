/** The lines of `text` that HAProxy named (1-based), as `12 | server x …`, at most `limit` of them. */
export function excerpt(text: string, lines: readonly number[], limit = 10): string[] {
  const all = text.split('\n');
  const wanted = [...new Set(lines)].filter((line) => line >= 1 && line <= all.length).sort((a, b) => a - b);
  const width = String(wanted.at(-1) ?? 0).length;
  const shown = wanted.slice(0, limit).map((line) => `${String(line).padStart(width)} | ${all[line - 1]}`);
  return wanted.length > limit ? [...shown, `… and ${wanted.length - limit} more`] : shown;
}
