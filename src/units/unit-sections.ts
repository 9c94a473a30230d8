/** One section of a unit file. */
export interface Section {
  readonly name: string;
  readonly options: readonly { readonly key: string; readonly value: string }[];
}

/**
 * The sections of a unit file in their order (systemd.syntax(7)): keys may repeat, comments begin with `#` or `;`, a backslash at the end
 * of a line joins it with the next one, comments between them left out.
 */
export function sectionsOf(text: string): Section[] {
  const sections: { name: string; options: { key: string; value: string }[] }[] = [];
  let joined = '';
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line) || (joined === '' && line.trim() === '')) {
      continue;
    }
    if (line.endsWith('\\')) {
      joined += `${line.slice(0, -1)} `;
      continue;
    }
    const whole = `${joined}${line}`.trim();
    joined = '';
    const name = /^\[(.*)\]$/.exec(whole)?.[1];
    if (name !== undefined) {
      sections.push({ name, options: [] });
      continue;
    }
    const at = whole.indexOf('=');
    sections
      .at(-1)
      ?.options.push({ key: whole.slice(0, at).trimEnd(), value: whole.slice(at + 1).trimStart() });
  }
  return sections;
}
