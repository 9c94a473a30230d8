import { internals, type MacroNode, type NodeOf, type TemplateNode } from './nunjucks.ts';

/** The nodes directly below `node`, in the order of the text: nunjucks holds them as its properties. */
export function childrenOf(node: TemplateNode): readonly TemplateNode[] {
  return Object.values(node)
    .flat()
    .filter((value) => value instanceof internals.nodes.Node);
}

/** `node` and everything below it. */
export function* descendants(node: TemplateNode): Generator<TemplateNode> {
  yield node;
  for (const child of childrenOf(node)) {
    yield* descendants(child);
  }
}

/** The name that a node is; `''` for whatever is none. */
export function nameOf(node: TemplateNode): string {
  return node.typename === 'Symbol' ? node.value : '';
}

/** The names of a macro's arguments. */
export function parametersOf({ args }: MacroNode): TemplateNode[] {
  return args.children.flatMap((arg): TemplateNode[] =>
    arg.typename === 'KeywordArgs' ? arg.children.map((pair) => pair.key) : [arg],
  );
}

/** Whether a call is `super()`. */
export function isSuper(node: NodeOf<'FunCall'>): boolean {
  return nameOf(node.name) === 'super';
}
