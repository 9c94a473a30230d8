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
export function unclosedTag(text: string): { readonly line: number; readonly found: string } | null {
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
        return { line, found: `{% ${name} %} ends nothing` };
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

function opens(name: string, rest: string): boolean {
  return PAIRED.has(name) || (name === 'set' && !/^[^"']*=/.test(rest));
}

function isVerbatim(name: string | undefined): boolean {
  return name === 'raw' || name === 'verbatim';
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}
