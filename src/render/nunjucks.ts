import nunjucks from 'nunjucks';

interface At {
  /** Both count from 0. */
  readonly lineno: number;
  readonly colno: number;
}
type Kind<Name extends string, Fields = unknown> = At & { readonly typename: Name } & Fields;
interface List<Name extends string, Child = TemplateNode> extends At {
  readonly typename: Name;
  readonly children: readonly Child[];
}
type Unary<Name extends string> = Kind<Name, { readonly target: TemplateNode }>;
type Binary<Name extends string> = Kind<Name, { readonly left: TemplateNode; readonly right: TemplateNode }>;

/** An operator between two expressions. */
export type BinaryNode = Binary<
  'In' | 'Or' | 'And' | 'Add' | 'Concat' | 'Sub' | 'Mul' | 'Div' | 'FloorDiv' | 'Mod' | 'Pow'
>;
/** `not a`, `-a`, `+a`. */
export type UnaryNode = Unary<'Not' | 'Neg' | 'Pos'>;
/** A name. */
export type SymbolNode = Kind<'Symbol', { readonly value: string }>;
/** A text, number, boolean, regular expression or null. */
export type LiteralNode = Kind<'Literal', { readonly value: unknown }>;
/** `a: b` of an object, `a=b` of named arguments, `a as b` of an import. */
export type PairNode = Kind<'Pair', { readonly key: SymbolNode | LiteralNode; readonly value: TemplateNode }>;
/** `a.b` and `a[b]`. */
export type LookupNode = Kind<'LookupVal', { readonly target: TemplateNode; readonly val: TemplateNode }>;
/** `a(b)`. */
export type CallNode = Kind<'FunCall', { readonly name: TemplateNode; readonly args: List<'NodeList'> }>;
/** `a | b(c)`; the first argument is what stands before the bar. */
export type FilterNode = Kind<'Filter', { readonly name: SymbolNode; readonly args: List<'NodeList'> }>;
/** `a is b`. */
export type IsNode = Kind<
  'Is',
  { readonly left: TemplateNode; readonly right: SymbolNode | LiteralNode | CallNode }
>;
/** `a < b`; parsed with any number of operators. */
export type CompareNode = Kind<
  'Compare',
  { readonly expr: TemplateNode; readonly ops: readonly CompareOperandNode[] }
>;
type CompareOperandNode = Kind<'CompareOperand', { readonly expr: TemplateNode; readonly type: string }>;
/** Text of the template, or one `{{ }}`. */
export type OutputNode = List<'Output'>;
/** `{% for %}`. */
export type ForNode = Kind<
  'For',
  {
    arr: TemplateNode;
    readonly name: SymbolNode | List<'Array'>;
    readonly body: TemplateNode;
    readonly else_: TemplateNode | null;
  }
>;
/** `{% macro %}`, and the body of `{% call %}`. */
export type MacroNode = Kind<
  'Macro' | 'Caller',
  { readonly name: SymbolNode; readonly args: List<'NodeList'>; readonly body: TemplateNode }
>;
/** `{% set %}`; `body` where it captures. */
export type SetNode = Kind<
  'Set',
  {
    readonly targets: readonly TemplateNode[];
    readonly value: TemplateNode | null;
    readonly body?: TemplateNode;
  }
>;
/** `{% block %}`. */
export type BlockNode = Kind<'Block', { readonly name: SymbolNode; readonly body: TemplateNode }>;
/** `{% import %}`. */
export type ImportNode = Kind<
  'Import',
  { readonly template: TemplateNode; readonly target: TemplateNode; readonly withContext: boolean | null }
>;
/** `{% from … import … %}`. */
export type FromImportNode = Kind<
  'FromImport',
  {
    readonly template: TemplateNode;
    readonly names: List<'NodeList', SymbolNode | PairNode>;
    readonly withContext: boolean | null;
  }
>;
/** `{% extends %}`. */
export type ExtendsNode = Kind<'Extends', { readonly template: TemplateNode }>;
/** `{% include %}`. */
export type IncludeNode = Kind<
  'Include',
  { readonly template: TemplateNode; readonly ignoreMissing?: boolean }
>;
/** `{% memo %}`, a tag of our own. */
export type MemoNode = Kind<'Memo', { readonly key: TemplateNode; readonly body: TemplateNode }>;
/** A whole file. */
export interface RootNode extends At {
  readonly typename: 'Root';
  readonly children: readonly TemplateNode[];
}

/** What nunjucks' parser gives: the tags and expressions that templates of ours may hold, and `{% memo %}`. */
export type TemplateNode =
  | RootNode
  | OutputNode
  | List<'NodeList'>
  | List<'Group'>
  | List<'Array'>
  | List<'Dict', PairNode>
  | List<'KeywordArgs', PairNode>
  | LiteralNode
  | Kind<'TemplateData', { readonly value: string }>
  | SymbolNode
  | PairNode
  | LookupNode
  | CallNode
  | FilterNode
  | IsNode
  | CompareNode
  | CompareOperandNode
  | BinaryNode
  | UnaryNode
  | Kind<
      'If' | 'InlineIf' | 'IfAsync',
      { readonly cond: TemplateNode; readonly body: TemplateNode; readonly else_: TemplateNode | null }
    >
  | ForNode
  | Kind<'AsyncEach' | 'AsyncAll', { readonly arr: TemplateNode; readonly body: TemplateNode }>
  | MacroNode
  | SetNode
  | Kind<
      'Switch',
      {
        readonly expr: TemplateNode;
        readonly cases: readonly TemplateNode[];
        readonly default: TemplateNode | null;
      }
    >
  | Kind<'Case', { readonly cond: TemplateNode; readonly body: TemplateNode }>
  | Kind<'Capture', { readonly body: TemplateNode }>
  | BlockNode
  | ImportNode
  | FromImportNode
  | ExtendsNode
  | IncludeNode
  | MemoNode;

/** A scope of nunjucks: while compiling it maps names to JavaScript variables, while rendering to values. */
export interface Frame {
  readonly parent: Frame | undefined;
  topLevel: boolean;
  set(name: string, value: unknown, resolveUp?: boolean): void;
  lookup(name: string): unknown;
  push(isolateWrites?: boolean): Frame;
  pop(): Frame;
}

/** A token of the lexer. */
export interface Token {
  readonly type: string;
  readonly value: string;
  readonly lineno: number;
}

/** The parts of the parser that a tag of our own calls. */
export interface Parser {
  nextToken(): Token;
  parsePrimary(noPostfix?: boolean): TemplateNode;
  parseUntilBlocks(...names: string[]): TemplateNode;
  advanceAfterBlockEnd(name?: string): Token;
}

/** A tag of our own. */
export interface TagExtension {
  readonly tags: readonly string[];
  parse(parser: Parser): TemplateNode;
}

/** The parts of nunjucks' Compiler that its subclass here relies on. */
export interface Compiler {
  buffer: string | null;
  _emit(code: string): void;
  _emitLine(code: string): void;
  _tmpid(): string;
  _pushBuffer(): string;
  _popBuffer(): void;
  _withScopedSyntax(body: () => void): void;
  _compileAggregate(node: List<'NodeList'>, frame: Frame, start: string, end: string): void;
  compile(node: TemplateNode, frame?: Frame): void;
  compileLiteral(node: TemplateNode, frame: Frame): void;
  getCode(): string;
  /** Inside an overriding method: the method that it overrides. */
  parent(...args: unknown[]): void;
}

interface NodeClass {
  new (lineno: number, colno: number, ...fields: unknown[]): TemplateNode;
  extend(name: string, properties: object): NodeClass;
}

/** A filter, a test, a macro: called with whatever a template gives it. */
export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

interface Internals {
  parser: { parse(text: string, tags: readonly TagExtension[], options: object): RootNode };
  lexer: { lex(text: string, options: object): { nextToken(): Token | null } };
  compiler: {
    Compiler: {
      extend(name: string, methods: object): new (file: string, throwOnUndefined: boolean) => Compiler;
    };
  };
  nodes: { Node: NodeClass; Group: NodeClass };
  runtime: {
    Frame: new () => Frame;
    SafeString: new (text: string) => { toString(): string };
    makeMacro(names: string[], keywords: string[], body: AnyFunction): AnyFunction;
    makeKeywordArgs(named: Record<string, unknown>): Record<string, unknown>;
    contextOrFrameLookup: AnyFunction;
    fromIterator: AnyFunction;
    isArray: AnyFunction;
    keys: AnyFunction;
  };
  Environment: new (
    loaders: readonly unknown[],
    options: object,
  ) => {
    readonly filters: Readonly<Record<string, AnyFunction>>;
    readonly tests: Readonly<Record<string, AnyFunction>>;
    readonly globals: Readonly<Record<string, AnyFunction>>;
    addFilter(name: string, filter: AnyFunction): unknown;
  };
}

/**
 * nunjucks as it is inside. Its public types leave out the parser, the compiler and the runtime, which are
 * exported all the same; only what is used here is described.
 */
export const internals = nunjucks as unknown as Internals;

/** One set of filters and tests; nunjucks' own start from this. */
export type Environment = InstanceType<Internals['Environment']>;

/** How our templates are read. */
export const SYNTAX = { trimBlocks: true, lstripBlocks: true, autoescape: false, throwOnUndefined: true };
