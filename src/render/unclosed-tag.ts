const TAG = /\{#[\s\S]*?#\}|\{\{[\s\S]*?\}\}|\{%-?\s*(\w+)([\s\S]*?)-?%\}/g;
const PAIRED = new Set([
  'if',
  'for',
  'block',
  'macro',
  'call',
  'filter',
  'switch',
  'memo',
  'raw',
  'verbatim',
]);

interface OpenTag {
  readonly name: string;
  readonly line: number;
}

/**
 * Finds the tag that spoils the nesting of a template, for nunjucks' parser only says `unexpected end of file`:
 * an opening tag without its end, or an end tag that closes something else.
 */
export function unclosedTag(
  text: string,
): { readonly line: number; readonly found: string; readonly name?: string } | null {
  const open: OpenTag[] = [];
  let counted = 0;
  let line = 1;
  for (const match of text.matchAll(TAG)) {
    line += newlines(text.slice(counted, match.index));
    counted = match.index;
    const name = match[1];
    const last = open.at(-1);
    if (name === undefined || (isVerbatim(last?.name) && name !== `end${last?.name}`)) {
      continue;
    }
    if (opens(name, match[2] ?? '')) {
      open.push({ name, line });
    } else if (name.startsWith('end')) {
      if (last === undefined) {
        return { line, found: `{% ${name} %} ends nothing`, name };
      }
      if (name !== `end${last.name}`) {
        return { line, found: `{% ${name} %} comes while {% ${last.name} %} of line ${last.line} is open` };
      }
      open.pop();
    }
  }
  const last = open.at(-1);
  return last === undefined
    ? null
    : { line: last.line, found: `{% ${last.name} %} is never closed: {% end${last.name} %} is missing` };
}

/** The line of a comment that swallows the beginning of another one: what was between them would be lost. */
export function commentInComment(text: string): number | null {
  let verbatim: string | null = null;
  for (const match of text.matchAll(TAG)) {
    const name = match[1];
    if (verbatim !== null) {
      verbatim = name === `end${verbatim}` ? null : verbatim;
    } else if (isVerbatim(name)) {
      verbatim = name ?? null;
    } else if (match[0].startsWith('{#') && match[0].includes('{#', 2)) {
      return newlines(text.slice(0, match.index)) + 1;
    }
  }
  return null;
}

function opens(name: string, rest: string): boolean {
  return PAIRED.has(name) || (name === 'set' && !/^[^"']*=/.test(rest));
}

function isVerbatim(name: string | undefined): boolean {
  return name === 'raw' || name === 'verbatim';
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}
