import type { TemplateError } from '../errors.ts';
import { internals, type Parser, type RootNode, SYNTAX, type TemplateNode } from './nunjucks.ts';
import { templateError } from './site.ts';
import { unclosedTag } from './unclosed-tag.ts';

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
export function parseTemplate(file: string, text: string): RootNode {
  try {
    return internals.parser.parse(text, [MEMO_TAG], SYNTAX);
  } catch (error) {
    throw syntaxError(file, text, error);
  }
}

function syntaxError(file: string, text: string, error: unknown): TemplateError {
  const nesting = unclosedTag(text);
  if (nesting !== null) {
    return templateError({ file, line: nesting.line, text: null }, nesting.found, { cause: error });
  }
  const { message, lineno } = error as { message?: string; lineno?: number };
  const line = lineno ?? lastOpening(text);
  return templateError({ file, line, text: null }, inWords(message ?? String(error)), { cause: error });
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
  return text.slice(0, at).split('\n').length;
}
