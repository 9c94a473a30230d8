import type { Place } from './syntax-error.ts';

/** The braces that a node was written in. */
export interface Tag {
  readonly place: Place;
  /** As it stands in the file, braces and all. */
  readonly source: string;
  /** `{{- `: blanks and line ends before it are gone. */
  readonly trimsBefore: boolean;
  /** ` -}}`: those after it are. */
  readonly trimsAfter: boolean;
}

/** What stands between two tags. */
export interface TextNode {
  readonly kind: 'text';
  readonly place: Place;
  /** What it prints: without what the tags around it trim. */
  readonly text: string;
  /** As it stands in the file. */
  readonly source: string;
}

/** A comment; it prints nothing. */
export interface CommentNode {
  readonly kind: 'comment';
  readonly tag: Tag;
  /** Without its signs. */
  readonly text: string;
}

/** Prints what its pipeline gives, or gives that to variables. */
export interface ActionNode {
  readonly kind: 'action';
  readonly tag: Tag;
  readonly pipe: Pipe;
}

/** `if`, `range` and `with`. */
export interface BranchNode {
  readonly kind: 'if' | 'range' | 'with';
  readonly tag: Tag;
  readonly pipe: Pipe;
  readonly body: readonly GoNode[];
  readonly otherwise: Otherwise | null;
  /** Of the last one in a chain of `else if` for all of them. */
  readonly end: Tag;
}

/** What stands behind `else`. */
export interface Otherwise {
  readonly tag: Tag;
  /** In `else if` and `else with` that one node, with the same tag. */
  readonly body: readonly GoNode[];
  readonly isChained: boolean;
}

/** `break` and `continue`. */
export interface JumpNode {
  readonly kind: 'break' | 'continue';
  readonly tag: Tag;
}

/** `template`: prints another template with what the pipeline gives as its dot. */
export interface TemplateNode {
  readonly kind: 'template';
  readonly tag: Tag;
  readonly name: string;
  readonly pipe: Pipe | null;
}

/** `block`: a `define` and its `template` in one. */
export interface BlockNode {
  readonly kind: 'block';
  readonly tag: Tag;
  readonly name: string;
  readonly pipe: Pipe;
  readonly body: readonly GoNode[];
  readonly end: Tag;
}

/** `define`; it stands at the top only. */
export interface DefineNode {
  readonly kind: 'define';
  readonly tag: Tag;
  readonly name: string;
  readonly body: readonly GoNode[];
  readonly end: Tag;
}

/** One part of a template. */
export type GoNode =
  | TextNode
  | CommentNode
  | ActionNode
  | BranchNode
  | JumpNode
  | TemplateNode
  | BlockNode
  | DefineNode;

/** `$a, $b := command | command`; with brackets around it an operand. */
export interface Pipe {
  readonly kind: 'pipe';
  readonly place: Place;
  /** `$i` and `$x` of `$i, $x := …`, with their `$`. */
  readonly variables: readonly { readonly name: string; readonly place: Place }[];
  /** `=` instead of `:=`. */
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
}

/** Operands side by side: a call, where the first is a function. */
export interface Command {
  readonly place: Place;
  readonly operands: readonly [Operand, ...Operand[]];
}

/** A number as it is written, and everything that it may be taken for. */
export interface NumberOperand {
  readonly kind: 'number';
  readonly place: Place;
  readonly source: string;
  /** Null where it is no whole number. */
  readonly integer: bigint | null;
  /** Null where it is imaginary. */
  readonly float: number | null;
  /** Whether it is of type float64 where nothing else asks: `1.0`, `1e3`. */
  readonly isFloat: boolean;
}

/** A text in quotes, or between backquotes. */
export interface StringOperand {
  readonly kind: 'string';
  readonly place: Place;
  readonly source: string;
  readonly value: string;
  /** False where it holds bytes that are no text; then `value` holds U+FFFD for them. */
  readonly isText: boolean;
}

/** One word of a command. */
export type Operand =
  | { readonly kind: 'dot'; readonly place: Place }
  | { readonly kind: 'nil'; readonly place: Place }
  | { readonly kind: 'bool'; readonly place: Place; readonly value: boolean }
  | NumberOperand
  | StringOperand
  /** `.a.b` */
  | { readonly kind: 'field'; readonly place: Place; readonly fields: readonly string[] }
  /** `$`, `$x`, `$x.a`; the name with its `$`. */
  | {
      readonly kind: 'variable';
      readonly place: Place;
      readonly name: string;
      readonly fields: readonly string[];
    }
  | { readonly kind: 'function'; readonly place: Place; readonly name: string }
  /** `(…).a.b`, `f.a` */
  | {
      readonly kind: 'chain';
      readonly place: Place;
      readonly of: Operand;
      readonly fields: readonly string[];
    }
  | Pipe;
