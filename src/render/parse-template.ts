import type { TemplateError } from '../errors.ts';
import { COMMENT_HINT, goHint, insteadOf, tagHint } from './foreign-words.ts';
import { GLOBAL_NAMES } from './globals.ts';
import { internals, type NodeOf, type Parser, SYNTAX, type TemplateNode } from './nunjucks.ts';
import { templateError } from './site.ts';
import { commentInComment, unclosedTag } from './unclosed-tag.ts';

/** The first line of a file that is read with every blank and line end around its tags; it leaves nothing behind. */
const UNTRIMMED = /^\{# trim: false\b[^\n]*#\}\r?(?:\n|$)/;
const UNTRIMMED_SYNTAX = { ...SYNTAX, trimBlocks: false, lstripBlocks: false };
const Memo = internals.nodes.Node.extend('Memo', { fields: ['key', 'body'] });

/** `{% memo s %} … {% endmemo %}`, as nunjucks' parser wants its tags. */
const MEMO_TAG = {
  tags: ['memo'],
  parse(parser: Parser): TemplateNode {
    const tag = parser.nextToken();
    const key = parser.parsePrimary();
    parser.advanceAfterBlockEnd(tag.value);
    const body = parser.parseUntilBlocks('endmemo');
    parser.advanceAfterBlockEnd();
    return new Memo(tag.lineno, 0, key, body);
  },
};

/** Reads one file of a template folder. Throws a `TemplateError` with the line, also where nunjucks knows none. */
export function parseTemplate(file: string, text: string): NodeOf<'Root'> {
  const nested = commentInComment(text);
  if (nested !== null) {
    throw templateError({ file, line: nested, text: null }, 'the comment that begins here holds another {#', {
      hint: COMMENT_HINT,
    });
  }
  try {
    return UNTRIMMED.test(text)
      ? withoutFirstLine(internals.parser.parse(text, [MEMO_TAG], UNTRIMMED_SYNTAX))
      : internals.parser.parse(text, [MEMO_TAG], SYNTAX);
  } catch (error) {
    throw syntaxError(file, text, error);
  }
}

function withoutFirstLine(root: NodeOf<'Root'>): NodeOf<'Root'> {
  const [output] = root.children;
  const [data] = output?.typename === 'Output' ? output.children : [];
  if (data?.typename === 'TemplateData') {
    Object.assign(data, { value: data.value.replace(/^\r?\n/, '') });
  }
  return root;
}

function syntaxError(file: string, text: string, error: unknown): TemplateError {
  const { message = String(error), lineno } = error as { message?: string; lineno?: number };
  if (message.includes('end of comment')) {
    const at = text.indexOf('{#', text.lastIndexOf('#}') + 1);
    const found = 'a {# begins a comment that never ends';
    return templateError({ file, line: lineAt(text, at), text: null }, found, {
      hint: COMMENT_HINT,
      cause: error,
    });
  }
  const nesting = unclosedTag(text);
  if (nesting !== null) {
    const hint = nesting.name === undefined ? undefined : insteadOf(nesting.name);
    return templateError({ file, line: nesting.line, text: null }, nesting.found, { hint, cause: error });
  }
  const line = lineno ?? lastOpening(text);
  const tag = /unknown block tag: (\w+)/.exec(message)?.[1];
  const hint =
    tag === undefined
      ? goHint(text.split('\n')[line - 1] ?? '', (name) => GLOBAL_NAMES.has(name))
      : tagHint(tag);
  return templateError({ file, line, text: null }, inWords(message), { hint, cause: error });
}

/** nunjucks names the signs of its syntax by their inner names. */
function inWords(message: string): string {
  return message
    .trim()
    .replace(/^Cannot read properties of null.*/, 'the template ends inside of a tag')
    .replace(/^parse\w+: /, '')
    .replace('expected variable end', 'expected }}')
    .replace(/expected block end in (\w+) statement/, 'expected %} after {% $1 …')
    .replace('unexpected token: }}', 'an expression is missing before }}');
}

/** The line of the last `{{`, `{%` or `{#`: where a text that ends too early went wrong. */
function lastOpening(text: string): number {
  const at = Math.max(text.lastIndexOf('{{'), text.lastIndexOf('{%'), text.lastIndexOf('{#'), 0);
  return lineAt(text, at);
}

function lineAt(text: string, at: number): number {
  return text.slice(0, Math.max(0, at)).split('\n').length;
}
