import { didYouMean } from '../model/nearest-names.ts';
import { type StrictCompiler, siteOf } from './compiler-state.ts';
import { insteadOf } from './foreign-words.ts';
import { GLOBAL_NAMES } from './globals.ts';
import type { AnyFunction, BinaryNode, Frame, NodeOf, TemplateNode, UnaryNode } from './nunjucks.ts';
import { templateError } from './site.ts';
import { isSuper, nameOf } from './template-tree.ts';

type Part = string | TemplateNode;

/** Their first argument may be missing. */
const LENIENT_FILTERS = new Set(['default', 'd']);
/** All their arguments may be missing; so may those of the functions of `go`. */
const LENIENT_FUNCTIONS = new Set(['default', 'coalesce']);
const LENIENT_TESTS = new Set(['defined', 'undefined']);

/** How expressions are compiled; methods for a subclass of nunjucks' Compiler. */
export const EXPRESSIONS = {
  compileSymbol(this: StrictCompiler, node: NodeOf<'Symbol'>, frame: Frame) {
    this._emit(`runtime.known(${lookupCode(node.value, frame)},${siteOf(this, node)})`);
  },

  compileLookupVal(this: StrictCompiler, node: NodeOf<'LookupVal'>, frame: Frame) {
    emit(this, frame, ['runtime.member(', node.target, ',', node.val, `,${siteOf(this, node)})`]);
  },

  compileFunCall(this: StrictCompiler, node: NodeOf<'FunCall'>, frame: Frame) {
    if (isSuper(node)) {
      this._emit(superCode(this, node));
    } else {
      emitCall(this, frame, node, 'call');
    }
  },

  compileFilter(this: StrictCompiler, node: NodeOf<'Filter'>, frame: Frame) {
    emitFilter(this, frame, node, 'filter');
  },

  compileIs(this: StrictCompiler, node: NodeOf<'Is'>, frame: Frame) {
    const name = node.right.typename === 'FunCall' ? nameOf(node.right.name) : String(node.right.value);
    const args = node.right.typename === 'FunCall' ? node.right.args.children : [];
    mustExist(this, node, 'test', name, this.env.tests);
    this._emit(`runtime.test(env.tests[${JSON.stringify(name)}],${siteOf(this, node)},context,[`);
    if (LENIENT_TESTS.has(name)) {
      this.compileLenient(node.left, frame);
    } else {
      this.compile(node.left, frame);
    }
    emit(this, frame, [...args.flatMap((arg): Part[] => [',', arg]), '])']);
  },

  compileIn(this: StrictCompiler, node: BinaryNode, frame: Frame) {
    emit(this, frame, ['runtime.within(', node.left, ',', node.right, `,${siteOf(this, node)})`]);
  },
  compileAdd(this: StrictCompiler, node: BinaryNode, frame: Frame) {
    emit(this, frame, ['runtime.add(', node.left, ',', node.right, `,${siteOf(this, node)})`]);
  },
  compileConcat(this: StrictCompiler, node: BinaryNode, frame: Frame) {
    emit(this, frame, ['runtime.concat(', node.left, ',', node.right, `,${siteOf(this, node)})`]);
  },
  compileSub: arithmetic('-'),
  compileMul: arithmetic('*'),
  compileDiv: arithmetic('/'),
  compileFloorDiv: arithmetic('//'),
  compileMod: arithmetic('%'),
  compilePow: arithmetic('**'),
  compileNeg: sign('-'),
  compilePos: sign('+'),

  /** With brackets: nunjucks itself compiles `not a == b` to `!a == b`. */
  compileNot(this: StrictCompiler, node: UnaryNode, frame: Frame) {
    emit(this, frame, ['!(', node.target, ')']);
  },

  compileCompare(this: StrictCompiler, node: NodeOf<'Compare'>, frame: Frame) {
    const [op, ...more] = node.ops;
    if (op === undefined || more.length > 0) {
      throw templateError(placeOf(this, node), 'compares more than two values', {
        hint: 'join the parts by and',
      });
    }
    const call = /=$/.test(op.type) && !/^[<>]/.test(op.type) ? 'equal' : 'order';
    emit(this, frame, [`runtime.${call}("${op.type}",`, node.expr, ',', op.expr, `,${siteOf(this, node)})`]);
  },

  compileLenient(this: StrictCompiler, node: TemplateNode, frame: Frame) {
    if (node.typename === 'Symbol') {
      this._emit(lookupCode(node.value, frame));
    } else if (node.typename === 'LookupVal') {
      this._emit('runtime.memberOrNothing(');
      this.compileLenient(node.target, frame);
      emit(this, frame, [',', node.val, `,${siteOf(this, node)})`]);
    } else if (node.typename === 'Group' && node.children.length === 1 && node.children[0] !== undefined) {
      this.compileLenient(node.children[0], frame);
    } else if (node.typename === 'FunCall' && !isSuper(node)) {
      emitCall(this, frame, node, 'callOrNothing');
    } else if (node.typename === 'Filter') {
      emitFilter(this, frame, node, 'filterOrNothing');
    } else {
      this.compile(node, frame);
    }
  },
};

/** Writes code and the code of nodes, in turn. */
export function emit(compiler: StrictCompiler, frame: Frame, parts: readonly Part[]): void {
  for (const part of parts) {
    if (typeof part === 'string') {
      compiler._emit(part);
    } else {
      compiler.compile(part, frame);
    }
  }
}

function lookupCode(name: string, frame: Frame): string {
  const local = frame.lookup(name);
  return typeof local === 'string'
    ? local
    : `runtime.contextOrFrameLookup(context,frame,${JSON.stringify(name)})`;
}

function emitCall(
  compiler: StrictCompiler,
  frame: Frame,
  node: NodeOf<'FunCall'>,
  method: 'call' | 'callOrNothing',
): void {
  emit(compiler, frame, [`runtime.${method}(`, node.name, `,${siteOf(compiler, node)},context,`]);
  const name = lenientName(node);
  if (name === null || typeof frame.lookup(name) === 'string') {
    compiler._compileAggregate(node.args, frame, '[', '])');
    return;
  }
  compiler._emit('[');
  for (const arg of node.args.children) {
    compiler.compileLenient(arg, frame);
    compiler._emit(',');
  }
  compiler._emit('])');
}

/** The name that makes a call one whose arguments may be missing: `default`, or `go` of `go.text`. */
function lenientName({ name }: NodeOf<'FunCall'>): string | null {
  if (name.typename === 'LookupVal') {
    return nameOf(name.target) === 'go' ? 'go' : null;
  }
  return LENIENT_FUNCTIONS.has(nameOf(name)) ? nameOf(name) : null;
}

function emitFilter(
  compiler: StrictCompiler,
  frame: Frame,
  node: NodeOf<'Filter'>,
  method: 'filter' | 'filterOrNothing',
): void {
  const name = node.name.value;
  mustExist(compiler, node, 'filter', name, compiler.env.filters);
  if (name === 'random') {
    throw templateError(placeOf(compiler, node), 'the filter "random" is left out', {
      hint: 'the same tree must give the same text on every host',
    });
  }
  compiler._emit(
    `runtime.${method}(env.filters[${JSON.stringify(name)}],${siteOf(compiler, node)},context,[`,
  );
  const [subject, ...rest] = node.args.children;
  if (subject !== undefined && LENIENT_FILTERS.has(name)) {
    compiler.compileLenient(subject, frame);
  } else {
    emit(compiler, frame, subject === undefined ? [] : [subject]);
  }
  emit(compiler, frame, [...rest.flatMap((arg): Part[] => [',', arg]), `],${JSON.stringify(name)})`]);
}

function mustExist(
  compiler: StrictCompiler,
  node: TemplateNode,
  kind: 'filter' | 'test',
  name: string,
  known: Readonly<Record<string, AnyFunction>>,
): void {
  if (!Object.hasOwn(known, name)) {
    throw templateError(placeOf(compiler, node), `there is no ${kind} "${name}"`, {
      hint: hintFor(name, Object.keys(known)),
    });
  }
}

function hintFor(name: string, known: readonly string[]): string | undefined {
  const hint = insteadOf(name) ?? didYouMean(name, known);
  if (!GLOBAL_NAMES.has(name)) {
    return hint;
  }
  return `it is a function here: ${name}(…)${hint === undefined ? '' : `; ${hint}`}`;
}

function placeOf(compiler: StrictCompiler, node: TemplateNode) {
  return { file: compiler.file, line: node.lineno + 1, text: null };
}

function superCode(compiler: StrictCompiler, node: NodeOf<'FunCall'>): string {
  if (compiler.block === null) {
    throw templateError(placeOf(compiler, node), 'super() stands outside of a block');
  }
  const name = JSON.stringify(compiler.block);
  return `runtime.superBlock(env,context,frame,${name},b_${compiler.block},${siteOf(compiler, node)})`;
}

function arithmetic(operator: string) {
  return function (this: StrictCompiler, node: BinaryNode, frame: Frame) {
    const start = `runtime.arithmetic("${operator}",`;
    emit(this, frame, [start, node.left, ',', node.right, `,${siteOf(this, node)})`]);
  };
}

function sign(operator: string) {
  return function (this: StrictCompiler, node: UnaryNode, frame: Frame) {
    emit(this, frame, [`runtime.sign("${operator}",`, node.target, `,${siteOf(this, node)})`]);
  };
}
