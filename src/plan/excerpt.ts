/** The first lines of a text for people, and how many more it has. */
export function firstLines(text: string, most: number): string {
  const lines = text.split('\n');
  const rest = lines.length - most;
  return rest > 0 ? [...lines.slice(0, most), `… and ${rest} more lines`].join('\n') : text;
}

/** The lines of `text` that HAProxy named (1-based), as `12 | server x …`, at most `limit` of them. */
export function excerpt(text: string, lines: readonly number[], limit = 10): string[] {
  const all = text.split(/\r?\n/);
  const wanted = [...new Set(lines)].filter((line) => line >= 1 && line <= all.length).sort((a, b) => a - b);
  const width = String(wanted.at(-1) ?? 0).length;
  const shown = wanted
    .slice(0, limit)
    .map((line) => `${String(line).padStart(width)} | ${cut(all[line - 1] ?? '')}`);
  return wanted.length > limit ? [...shown, `… and ${wanted.length - limit} more`] : shown;
}

/** A line can be as long as a value. */
function cut(line: string, most = 300): string {
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
