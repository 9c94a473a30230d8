import type { TemplateNode } from './nunjucks.ts';

/** The nodes directly below `node`, in the order of the text. */
export function childrenOf(node: TemplateNode): readonly TemplateNode[] {
  switch (node.typename) {
    case 'LookupVal':
      return [node.target, node.val];
    case 'FunCall':
    case 'Filter':
      return [node.name, node.args];
    case 'Pair':
      return [node.key, node.value];
    case 'Compare':
      return [node.expr, ...node.ops.map((op) => op.expr)];
    case 'CompareOperand':
      return [node.expr];
    case 'Not':
    case 'Neg':
    case 'Pos':
      return [node.target];
    case 'Set':
      return [...node.targets, ...present(node.value), ...present(node.body)];
    case 'Switch':
      return [node.expr, ...node.cases, ...present(node.default)];
    case 'Import':
      return [node.template, node.target];
    case 'FromImport':
      return [node.template, node.names];
    case 'Extends':
    case 'Include':
      return [node.template];
    case 'Memo':
      return [node.key, node.body];
    case 'Macro':
    case 'Caller':
      return [node.name, node.args, node.body];
    case 'Block':
    case 'Capture':
      return [node.body];
    case 'For':
      return [node.arr, node.name, node.body, ...present(node.else_)];
    case 'AsyncEach':
    case 'AsyncAll':
      return [node.arr, node.body];
    case 'If':
    case 'IfAsync':
    case 'InlineIf':
      return [node.cond, node.body, ...present(node.else_)];
    case 'Case':
      return [node.cond, node.body];
    default:
      return 'children' in node ? node.children : 'left' in node ? [node.left, node.right] : [];
  }
}

/** `node` and everything below it. */
export function* descendants(node: TemplateNode): Generator<TemplateNode> {
  yield node;
  for (const child of childrenOf(node)) {
    yield* descendants(child);
  }
}

function present(node: TemplateNode | null | undefined): TemplateNode[] {
  return node === null || node === undefined ? [] : [node];
}
