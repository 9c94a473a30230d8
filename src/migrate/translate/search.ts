import type { BlockNode, DefineNode, GoNode, Operand, Pipe, TemplateNode } from '../go-template/nodes.ts';

/** Which jumps of the loop around them these nodes hold; those of loops inside are theirs. */
export function jumpsIn(nodes: readonly GoNode[]): { readonly any: boolean; readonly breaks: boolean } {
  const found = nodes.map((node) => {
    if (node.kind === 'break' || node.kind === 'continue') {
      return { any: true, breaks: node.kind === 'break' };
    }
    return node.kind === 'if' || node.kind === 'with'
      ? jumpsIn([...node.body, ...(node.otherwise?.body ?? [])])
      : { any: false, breaks: false };
  });
  return { any: found.some((one) => one.any), breaks: found.some((one) => one.breaks) };
}

/** Everything that defines a template, in the order of the file, and whether it stands at the top. */
export function definitionsIn(
  nodes: readonly GoNode[],
  isTop = true,
): readonly { readonly node: DefineNode | BlockNode; readonly isTop: boolean }[] {
  return nodes.flatMap((node) => {
    const own = node.kind === 'define' || node.kind === 'block' ? [{ node, isTop }] : [];
    return [...own, ...definitionsIn(childrenOf(node), false)];
  });
}

/** Everything that prints a template. */
export function callsIn(nodes: readonly GoNode[]): readonly (TemplateNode | BlockNode)[] {
  return nodes.flatMap((node) => {
    const own = node.kind === 'template' || node.kind === 'block' ? [node] : [];
    return [...own, ...callsIn(childrenOf(node))];
  });
}

/** Whether nodes give a variable another value. */
export function assigns(nodes: readonly GoNode[], name: string): boolean {
  return nodes.some((node) => {
    const pipe = 'pipe' in node ? node.pipe : null;
    return (
      (pipe?.isAssignment === true && pipe.variables.some((variable) => variable.name === name)) ||
      assigns(childrenOf(node), name)
    );
  });
}

/** Whether nodes use a variable. */
export function mentions(nodes: readonly GoNode[], name: string): boolean {
  return nodes.some((node) => {
    const pipe = 'pipe' in node ? node.pipe : null;
    return (pipe !== null && pipeMentions(pipe, name)) || mentions(childrenOf(node), name);
  });
}

function pipeMentions(pipe: Pipe, name: string): boolean {
  return (
    pipe.variables.some((variable) => variable.name === name) ||
    pipe.commands.some(({ operands }) => operands.some((operand) => operandMentions(operand, name)))
  );
}

function operandMentions(operand: Operand, name: string): boolean {
  switch (operand.kind) {
    case 'variable':
      return operand.name === name;
    case 'chain':
      return operandMentions(operand.of, name);
    case 'pipe':
      return pipeMentions(operand, name);
    default:
      return false;
  }
}

/** Whether nodes print more than blanks. */
export function isFull(nodes: readonly GoNode[]): boolean {
  return nodes.some((node) => node.kind !== 'comment' && (node.kind !== 'text' || node.text.trim() !== ''));
}

/** Whether nodes use the dot or the `$` that they begin with. */
export function usesDot(nodes: readonly GoNode[], isOwn = true): boolean {
  return nodes.some((node) => {
    const pipe = 'pipe' in node ? node.pipe : null;
    if (pipe !== null && pipeUsesDot(pipe, isOwn)) {
      return true;
    }
    switch (node.kind) {
      case 'if':
        return usesDot(childrenOf(node), isOwn);
      case 'range':
      case 'with':
        return usesDot(node.body, false) || usesDot(node.otherwise?.body ?? [], isOwn);
      default:
        // Other templates have a dot of their own.
        return false;
    }
  });
}

function pipeUsesDot(pipe: Pipe, isOwn: boolean): boolean {
  return pipe.commands.some(({ operands }) => operands.some((operand) => operandUsesDot(operand, isOwn)));
}

function operandUsesDot(operand: Operand, isOwn: boolean): boolean {
  switch (operand.kind) {
    case 'dot':
    case 'field':
      return isOwn;
    case 'variable':
      return operand.name === '$';
    case 'chain':
      return operandUsesDot(operand.of, isOwn);
    case 'pipe':
      return pipeUsesDot(operand, isOwn);
    default:
      return false;
  }
}

function childrenOf(node: GoNode): readonly GoNode[] {
  return 'body' in node ? [...node.body, ...('otherwise' in node ? (node.otherwise?.body ?? []) : [])] : [];
}
