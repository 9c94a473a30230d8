import { hasControlCharacters } from './control-characters.ts';
import type { TemplateNode } from './nunjucks.ts';
import { type ParsedFile, refuse } from './template-references.ts';
import { childrenOf } from './template-tree.ts';

/** Their arguments may become the text. */
const GIVING_FILTERS = new Set(['default', 'd']);

/**
 * Throws a `TemplateError` for a text in quotes that holds a control character, or is given to a name with a line break
 * after its first word: `{% set ping = "PING\r\n" %}`. It was meant for HAProxy, which would see a line end. What is
 * only looked for (`replace("\r", "")`) or put between others (`join("\n")`) may hold what it likes.
 */
export function checkLiterals(file: ParsedFile): void {
  visit(file.name, file.root);
}

function visit(file: string, node: TemplateNode): void {
  if (node.typename === 'Literal' && typeof node.value === 'string') {
    if (hasControlCharacters(node.value.replace(/[\n\t]/g, ''))) {
      told(file, node, node.value, 'a control character');
    }
  }
  for (const child of partsOf(node)) {
    visit(file, child);
  }
  if (node.typename === 'Set' && node.value?.typename === 'Literal') {
    const { value } = node.value;
    if (typeof value === 'string' && /^[^\S\n]*\S.*\n/.test(value)) {
      told(file, node, value, 'a line break');
    }
  }
}

/** The parts of a node that its own text may be made of, and those that stand for themselves. */
function partsOf(node: TemplateNode): readonly TemplateNode[] {
  switch (node.typename) {
    case 'FunCall':
      return [node.name];
    case 'Filter':
      return GIVING_FILTERS.has(node.name.value) ? node.args.children : node.args.children.slice(0, 1);
    case 'LookupVal':
      return [node.target];
    case 'Compare':
    case 'In':
    case 'Is':
      return [];
    default:
      return childrenOf(node);
  }
}

function told(file: string, node: TemplateNode, value: string, what: string): never {
  const escaped = JSON.stringify(JSON.stringify(value).slice(1, -1));
  refuse(
    file,
    node,
    `the text ${JSON.stringify(value)} holds ${what}`,
    `for HAProxy's own escape write two backslashes: ${escaped}; for several lines {% set name %} … {% endset %}`,
  );
}
