import type { MacroNode, NodeOf, TemplateNode } from './nunjucks.ts';
import { childrenOf, isSuper, nameOf, parametersOf } from './template-tree.ts';

/** One use of a name that nothing around it gives a value. */
export interface FreeName {
  readonly name: string;
  /** `b` of `a.b`, or null. */
  readonly member: string | null;
  readonly node: TemplateNode;
}

/** The names of a file, or of a part of one. */
export interface Scopes {
  /** Names that are used without being given a value here. */
  readonly free: readonly FreeName[];
  /** Names that are given a value at the top: by set, macro, import. */
  readonly top: ReadonlySet<string>;
  /** Names that are given a value anywhere. */
  readonly all: ReadonlySet<string>;
  /** Every memo with the names that loops, macros and blocks around it give a value. */
  readonly memos: readonly { readonly node: NodeOf<'Memo'>; readonly around: ReadonlySet<string> }[];
}

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | null;
}

/** Says which names a file (or the body of a memo, or a macro) uses and gives, by nunjucks' rules of scope. */
export function scopesOf(part: TemplateNode, given: Iterable<string> = []): Scopes {
  const walk = new ScopeWalk(part, given);
  return { free: walk.free, top: walk.top.names, all: walk.all, memos: walk.memos };
}

class ScopeWalk {
  readonly free: FreeName[] = [];
  readonly all = new Set<string>();
  readonly memos: { node: NodeOf<'Memo'>; around: ReadonlySet<string> }[] = [];
  readonly top: Scope;

  constructor(part: TemplateNode, given: Iterable<string>) {
    this.top = this.#scope([...given, ...declared(part)], null);
    this.#visit(part, this.top);
  }

  #scope(names: Iterable<string>, outer: Scope | null): Scope {
    const scope = { names: new Set(names), outer };
    for (const name of scope.names) {
      this.all.add(name);
    }
    return scope;
  }

  #visit(node: TemplateNode, scope: Scope): void {
    switch (node.typename) {
      case 'Symbol':
        this.#use(node.value, null, node, scope);
        return;
      case 'LookupVal':
        this.#lookup(node, scope);
        return;
      case 'For': {
        const names = node.name.typename === 'Array' ? node.name.children : [node.name];
        this.#visit(node.arr, scope);
        const parts = [node.body, ...present(node.else_)];
        this.#all(parts, this.#scope([...names.map(nameOf), 'loop', ...parts.flatMap(declared)], scope));
        return;
      }
      case 'Macro':
        // A macro sees the names at the top of its file, not those of a loop around it.
        this.#macro(node, this.top);
        return;
      case 'Caller':
        this.#macro(node, scope);
        return;
      case 'Block':
        this.#visit(node.body, this.#scope(declared(node.body), scope));
        return;
      case 'Memo':
        this.#visit(node.key, scope);
        this.memos.push({ node, around: namesWithin(scope, this.top) });
        this.#visit(node.body, this.#scope(declared(node.body), scope));
        return;
      default:
        this.#all(expressionsOf(node), scope);
    }
  }

  #all(nodes: readonly TemplateNode[], scope: Scope): void {
    for (const node of nodes) {
      this.#visit(node, scope);
    }
  }

  #macro(node: MacroNode, outer: Scope): void {
    const params = parametersOf(node).map(nameOf);
    const scope = this.#scope([...params, 'caller', ...declared(node.body)], outer);
    this.#all(
      node.args.children.filter((arg) => arg.typename === 'KeywordArgs'),
      scope,
    );
    this.#visit(node.body, scope);
  }

  #lookup(node: NodeOf<'LookupVal'>, scope: Scope): void {
    if (node.target.typename === 'Symbol') {
      const member = node.val.typename === 'Literal' ? String(node.val.value) : null;
      this.#use(node.target.value, member, node.target, scope);
    } else {
      this.#visit(node.target, scope);
    }
    this.#visit(node.val, scope);
  }

  #use(name: string, member: string | null, node: TemplateNode, scope: Scope): void {
    for (let at: Scope | null = scope; at !== null; at = at.outer) {
      if (at.names.has(name)) {
        return;
      }
    }
    this.free.push({ name, member, node });
  }
}

/** The names that a part gives a value in its own scope: not those inside loops, macros, blocks and memos. */
function declared(part: TemplateNode): string[] {
  switch (part.typename) {
    case 'Set':
      return [...part.targets.map(nameOf), ...present(part.body).flatMap(declared)];
    case 'Macro':
      return [nameOf(part.name)];
    case 'Import':
      return [nameOf(part.target)];
    case 'FromImport':
      return part.names.children.map((name) => nameOf(name.typename === 'Pair' ? name.value : name));
    case 'For':
    case 'Caller':
    case 'Block':
    case 'Memo':
      return [];
    default:
      return childrenOf(part).flatMap(declared);
  }
}

/** What each name at the very top of a file stands for; null where there is more than one answer. */
export function definitionsOf(root: NodeOf<'Root'>): ReadonlyMap<string, TemplateNode | null> {
  const found = new Map<string, TemplateNode | null>();
  for (const node of root.children) {
    for (const name of declared(node)) {
      found.set(name, found.has(name) ? null : node);
    }
  }
  return found;
}

function namesWithin(scope: Scope, top: Scope): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at: Scope | null = scope; at !== null && at !== top; at = at.outer) {
    for (const name of at.names) {
      names.add(name);
    }
  }
  return names;
}

/** The parts of a node that may use names: not the names of tests, filters and fields. */
function expressionsOf(node: TemplateNode): readonly TemplateNode[] {
  switch (node.typename) {
    case 'FunCall':
      return isSuper(node) ? [node.args] : [node.name, node.args];
    case 'Filter':
      return [node.args];
    case 'Is':
      return node.right.typename === 'FunCall' ? [node.left, node.right.args] : [node.left];
    case 'Pair':
      return [node.value];
    case 'Set':
      return [...present(node.value), ...present(node.body)];
    case 'Import':
    case 'FromImport':
      return [node.template];
    default:
      return childrenOf(node);
  }
}

function present(node: TemplateNode | null | undefined): TemplateNode[] {
  return node === null || node === undefined ? [] : [node];
}
