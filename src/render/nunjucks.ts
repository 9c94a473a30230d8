import nunjucks from 'nunjucks';

interface At {
  /** Both count from 0. */
  readonly lineno: number;
  readonly colno: number;
}
interface List {
  readonly children: readonly TemplateNode[];
}
interface Pairs {
  readonly children: readonly NodeOf<'Pair'>[];
}
interface Binary {
  readonly left: TemplateNode;
  readonly right: TemplateNode;
}
interface Branch {
  readonly cond: TemplateNode;
  readonly body: TemplateNode;
  readonly else_: TemplateNode | null;
}
interface Macro {
  readonly name: NodeOf<'Symbol'>;
  readonly args: NodeOf<'NodeList'>;
  readonly body: TemplateNode;
}
type Operator = 'In' | 'Or' | 'And' | 'Add' | 'Concat' | 'Sub' | 'Mul' | 'Div' | 'FloorDiv' | 'Mod' | 'Pow';
type Sign = 'Not' | 'Neg' | 'Pos';

/** The nodes of nunjucks' parser that templates of ours may hold, by their names: tags, expressions, and `{% memo %}`. */
interface Nodes extends Record<Operator, Binary>, Record<Sign, { readonly target: TemplateNode }> {
  /** A whole file. */
  Root: List;
  /** Text of the template, or one `{{ }}`. */
  Output: List;
  TemplateData: { readonly value: string };
  NodeList: List;
  Group: List;
  Array: List;
  Dict: Pairs;
  KeywordArgs: Pairs;
  /** A text, number, boolean, regular expression or null. */
  Literal: { readonly value: unknown };
  /** A name. */
  Symbol: { readonly value: string };
  /** `a: b` of an object, `a=b` of named arguments, `a as b` of an import. */
  Pair: { readonly key: NodeOf<'Symbol' | 'Literal'>; readonly value: TemplateNode };
  /** `a.b` and `a[b]`. */
  LookupVal: { readonly target: TemplateNode; readonly val: TemplateNode };
  /** `a(b)`. */
  FunCall: { readonly name: TemplateNode; readonly args: NodeOf<'NodeList'> };
  /** `a | b(c)`; the first argument is what stands before the bar. */
  Filter: { readonly name: NodeOf<'Symbol'>; readonly args: NodeOf<'NodeList'> };
  /** `a is b`. */
  Is: { readonly left: TemplateNode; readonly right: NodeOf<'Symbol' | 'Literal' | 'FunCall'> };
  /** `a < b`; parsed with any number of operators. */
  Compare: { readonly expr: TemplateNode; readonly ops: readonly NodeOf<'CompareOperand'>[] };
  CompareOperand: { readonly expr: TemplateNode; readonly type: string };
  If: Branch;
  InlineIf: Branch;
  IfAsync: Branch;
  For: {
    arr: TemplateNode;
    readonly name: NodeOf<'Symbol' | 'Array'>;
    readonly body: TemplateNode;
    readonly else_: TemplateNode | null;
  };
  AsyncEach: { readonly arr: TemplateNode; readonly body: TemplateNode };
  AsyncAll: { readonly arr: TemplateNode; readonly body: TemplateNode };
  Macro: Macro;
  /** The body of `{% call %}`. */
  Caller: Macro;
  /** `body` where it captures. */
  Set: {
    readonly targets: readonly TemplateNode[];
    readonly value: TemplateNode | null;
    readonly body?: TemplateNode;
  };
  Switch: {
    readonly expr: TemplateNode;
    readonly cases: readonly TemplateNode[];
    readonly default: TemplateNode | null;
  };
  Case: { readonly cond: TemplateNode; readonly body: TemplateNode };
  Capture: { readonly body: TemplateNode };
  Block: { readonly name: NodeOf<'Symbol'>; readonly body: TemplateNode };
  Import: {
    readonly template: TemplateNode;
    readonly target: TemplateNode;
    readonly withContext: boolean | null;
  };
  FromImport: {
    readonly template: TemplateNode;
    readonly names: { readonly children: readonly NodeOf<'Symbol' | 'Pair'>[] };
    readonly withContext: boolean | null;
  };
  Extends: { readonly template: TemplateNode };
  Include: { readonly template: TemplateNode; readonly ignoreMissing?: boolean };
  Memo: { readonly key: TemplateNode; readonly body: TemplateNode };
}

/** The nodes with these names. */
export type NodeOf<Name extends keyof Nodes> = {
  [One in Name]: At & { readonly typename: One } & Nodes[One];
}[Name];

/** Any node of a template. */
export type TemplateNode = NodeOf<keyof Nodes>;
/** An operator between two expressions. */
export type BinaryNode = NodeOf<Operator>;
/** `not a`, `-a`, `+a`. */
export type UnaryNode = NodeOf<Sign>;
/** `{% macro %}`, and the body of `{% call %}`. */
export type MacroNode = NodeOf<'Macro' | 'Caller'>;

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
  _compileAggregate(node: NodeOf<'NodeList'>, frame: Frame, start: string, end: string): void;
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
  parser: { parse(text: string, tags: readonly TagExtension[], options: object): NodeOf<'Root'> };
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
