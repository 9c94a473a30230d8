import type { TemplateNode } from './nunjucks.ts';

const OPERATORS: Readonly<Record<string, string>> = {
  In: 'in',
  Or: 'or',
  And: 'and',
  Add: '+',
  Concat: '~',
  Sub: '-',
  Mul: '*',
  Div: '/',
  FloorDiv: '//',
  Mod: '%',
  Pow: '**',
  Not: 'not ',
  Neg: '-',
  Pos: '+',
};

/** Writes an expression as a person would, for error messages: nunjucks' tree keeps no source text. */
export function expressionText(node: TemplateNode): string {
  switch (node.typename) {
    case 'Symbol':
      return node.value;
    case 'Literal':
      return literalText(node.value);
    case 'LookupVal':
      return lookupText(node.target, node.val);
    case 'FunCall':
      return `${expressionText(node.name)}(${list(node.args.children)})`;
    case 'Filter':
      return filterText(node.name.value, node.args.children);
    case 'Group':
      return `(${list(node.children)})`;
    case 'Array':
      return `[${list(node.children)}]`;
    case 'Dict':
      return `{${list(node.children)}}`;
    case 'KeywordArgs':
      return node.children
        .map((pair) => `${expressionText(pair.key)}=${expressionText(pair.value)}`)
        .join(', ');
    case 'Pair':
      return `${expressionText(node.key)}: ${expressionText(node.value)}`;
    case 'Is':
      return `${expressionText(node.left)} is ${expressionText(node.right)}`;
    case 'Compare':
      return `${expressionText(node.expr)}${node.ops.map((op) => ` ${op.type} ${expressionText(op.expr)}`).join('')}`;
    case 'InlineIf': {
      const rest = node.else_ === null ? '' : ` else ${expressionText(node.else_)}`;
      return `${expressionText(node.body)} if ${expressionText(node.cond)}${rest}`;
    }
    case 'Not':
    case 'Neg':
    case 'Pos':
      return `${OPERATORS[node.typename]}${expressionText(node.target)}`;
    default:
      return 'left' in node
        ? `${expressionText(node.left)} ${OPERATORS[node.typename] ?? '?'} ${expressionText(node.right)}`
        : '…';
  }
}

function list(nodes: readonly TemplateNode[]): string {
  return nodes.map(expressionText).join(', ');
}

function literalText(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function lookupText(target: TemplateNode, val: TemplateNode): string {
  return val.typename === 'Literal' && typeof val.value === 'string' && /^[A-Za-z_]\w*$/.test(val.value)
    ? `${expressionText(target)}.${val.value}`
    : `${expressionText(target)}[${expressionText(val)}]`;
}

function filterText(name: string, args: readonly TemplateNode[]): string {
  const [value, ...rest] = args;
  const subject = value === undefined ? '' : expressionText(value);
  return rest.length === 0 ? `${subject} | ${name}` : `${subject} | ${name}(${list(rest)})`;
}
