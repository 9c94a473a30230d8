import type {
  ActionNode,
  BlockNode,
  BranchNode,
  DefineNode,
  GoNode,
  Pipe,
  Tag,
  TemplateNode,
} from '../go-template/nodes.ts';
import { type Code, orNil, quoted, simple } from './code.ts';
import { type ExpressionParts, pipeCode, truth, Untranslatable } from './expressions.ts';
import type { Names } from './names.ts';
import type { Note } from './note.ts';
import { block, comment, type Piece, plainText, print, textPiece } from './pieces.ts';
import { innerScope, type Scope, type Types } from './scope.ts';
import { assigns, jumpsIn, mentions } from './search.ts';
import { type GoType, joinTypes, printsAlike } from './types.ts';

/** A template of the file that others print: a macro here. */
export interface Macro {
  /** What defines it: where there are several, the one that is not empty. */
  readonly node: DefineNode | BlockNode;
  readonly name: string;
  /** The name of its argument, or null where it takes none. */
  readonly argument: string | null;
  /** Whether it stands before everything else, because it is used before it is defined. */
  readonly isAhead: boolean;
}

export interface StatementParts extends ExpressionParts {
  readonly file: string;
  readonly names: Names;
  readonly macros: ReadonlyMap<string, Macro>;
  /** What this pass learns of types. */
  readonly learned: Types;
  readonly notes: Note[];
}

const NOTHING = simple('none', 'nil');

/** The scope at the top of a file, where dot is nil. */
export function topScope(): Scope {
  return { dot: NOTHING, root: NOTHING, variables: new Map(), visible: new Set(), loop: null };
}

/** A list of nodes, as nunjucks has it. */
export function listPieces(nodes: readonly GoNode[], scope: Scope, parts: StatementParts): Piece[] {
  const pieces: Piece[] = [];
  for (const [at, node] of nodes.entries()) {
    for (const piece of nodePieces(node, scope, parts)) {
      pieces.push(piece);
    }
    if (node.kind === 'break' || node.kind === 'continue') {
      return pieces;
    }
    const rest = nodes.slice(at + 1);
    if (scope.loop !== null && rest.length > 0 && jumpsIn([node]).any) {
      const guarded = listPieces(rest, scope, parts);
      return [...pieces, block(`if not ${scope.loop.skipped}`), ...guarded, block('endif')];
    }
  }
  return pieces;
}

/** A template of the file as a macro. */
export function macroPieces(macro: Macro, parts: StatementParts): Piece[] {
  const { node } = macro;
  const dot =
    macro.argument === null
      ? NOTHING
      : simple(macro.argument, parts.types.get(templateKey(node.name)) ?? 'unknown');
  const scope: Scope = { dot, root: dot, variables: new Map(), visible: new Set(), loop: null };
  const body = listPieces(node.body, scope, parts);
  return [block(`macro ${macro.name}(${macro.argument ?? ''})`), ...body, block('endmacro')];
}

function nodePieces(node: GoNode, scope: Scope, parts: StatementParts): Piece[] {
  switch (node.kind) {
    case 'text':
      return [textPiece(node)];
    case 'comment':
      return [comment(node.text)];
    case 'action':
      return actionPieces(node, scope, parts);
    case 'if':
      return ifPieces(node, scope, parts, 'if');
    case 'with':
      return withPieces(node, innerScope(scope), parts);
    case 'range':
      return rangePieces(node, innerScope(scope), parts);
    case 'break':
    case 'continue':
      return jumpPieces(node.kind, scope);
    case 'template':
      return callPieces(node, scope, parts);
    case 'block':
    case 'define':
      return definePieces(node, scope, parts);
  }
}

function actionPieces({ pipe, tag }: ActionNode, scope: Scope, parts: StatementParts): Piece[] {
  if (pipe.variables.length > 0) {
    return [set(declare(pipe, tag, scope, parts))];
  }
  return [printPiece(pipeValue(pipe, tag, scope, parts))];
}

function printPiece(code: Code): Piece {
  if (code.constant !== null) {
    return plainText(code.constant);
  }
  if (code.type === 'nil') {
    return plainText('<no value>');
  }
  return print(printsAlike(code.type) && !code.mayMiss ? code.text : `go.text(${code.text})`);
}

/** The value of a pipeline; where it has no translation, a call that fails and says so. */
function pipeValue(pipe: Pipe, tag: Tag, scope: Scope, parts: StatementParts): Code {
  try {
    return pipeCode(pipe, scope, parts);
  } catch (error) {
    if (!(error instanceof Untranslatable)) {
      throw error;
    }
    return untranslated(tag, error.message, parts);
  }
}

function untranslated(tag: Tag, reason: string, { file, notes }: StatementParts): Code {
  const { line, column } = tag.place;
  notes.push({ file, line, column, kind: 'untranslated', original: tag.source, text: reason });
  const args = [`${file}:${line}`, tag.source, reason].map(quoted);
  return simple(`go.untranslated(${args.join(', ')})`, 'unknown');
}

interface Declared {
  readonly name: string;
  readonly code: Code;
}

/** Gives the value of a pipeline to its variable. */
function declare(pipe: Pipe, tag: Tag, scope: Scope, parts: StatementParts): Declared {
  const [variable] = pipe.variables;
  const code = pipeValue(pipe, tag, scope, parts);
  if (variable === undefined) {
    return { name: '_', code };
  }
  if (pipe.isAssignment) {
    const known = scope.variables.get(variable.name);
    if (known === undefined) {
      return {
        name: parts.names.take(variable.name.slice(1), scope.visible),
        code: untranslated(tag, `there is no variable ${variable.name} here: Go refuses this as well`, parts),
      };
    }
    learn(known.key, code.type, parts);
    return { name: known.name, code };
  }
  return { name: newVariable(variable, code.type, scope, parts), code };
}

function newVariable(
  { name, place }: Pipe['variables'][number],
  type: GoType,
  scope: Scope,
  parts: StatementParts,
): string {
  const ours = parts.names.take(name.slice(1), scope.visible);
  const key = `${name} ${place.offset}`;
  scope.variables.set(name, { name: ours, key });
  learn(key, type, parts);
  return ours;
}

function learn(key: string, type: GoType, { learned }: StatementParts): void {
  learned.set(key, joinTypes(learned.get(key) ?? 'never', type));
}

function set({ name, code }: Declared): Piece {
  // A text with a line break alone is taken for a mistake: see docs/templates.md.
  const text = code.constant?.includes('\n') ? `"" ~ ${code.text}` : orNil(code);
  return block(`set ${name} = ${text}`);
}

function ifPieces(node: BranchNode, outer: Scope, parts: StatementParts, word: 'if' | 'elif'): Piece[] {
  const scope = innerScope(outer);
  const { pipe, tag } = node;
  const before: Piece[] = [];
  let condition: Code;
  if (pipe.variables.length > 0) {
    const declared = declare(pipe, tag, scope, parts);
    before.push(set(declared));
    condition = simple(declared.name, declared.code.type);
  } else {
    condition = pipeValue(pipe, tag, scope, parts);
  }
  const body = listPieces(node.body, innerScope(scope), parts);
  const otherwise = elsePieces(node, scope, parts);
  const end = word === 'if' ? [block('endif')] : [];
  return [...before, block(`${word} ${truth(condition).text}`), ...body, ...otherwise, ...end];
}

function elsePieces({ otherwise }: BranchNode, scope: Scope, parts: StatementParts): Piece[] {
  if (otherwise === null) {
    return [];
  }
  const [chained] = otherwise.body;
  if (otherwise.isChained && chained?.kind === 'if' && chained.pipe.variables.length === 0) {
    return ifPieces(chained, scope, parts, 'elif');
  }
  return [block('else'), ...listPieces(otherwise.body, innerScope(scope), parts)];
}

function withPieces(node: BranchNode, scope: Scope, parts: StatementParts): Piece[] {
  const { pipe, tag } = node;
  const [variable] = pipe.variables;
  const declared =
    variable === undefined
      ? unnamed(pipe, pipeValue(pipe, tag, scope, parts), scope, parts)
      : declare(pipe, tag, scope, parts);
  const { type } = declared.code;
  // Dot stays what it was where the variable is given another value.
  const isChanged = variable !== undefined && assigns(node.body, variable.name);
  const item = isChanged ? unnamed(pipe, simple(declared.name, type), scope, parts) : declared;
  const dot = simple(item.name, type);
  return [
    set(declared),
    ...(isChanged ? [set(item)] : []),
    block(`if ${truth(dot).text}`),
    ...listPieces(node.body, innerScope(scope, { dot }), parts),
    ...elsePieces(node, scope, parts),
    block('endif'),
  ];
}

function unnamed(pipe: Pipe, code: Code, scope: Scope, { names }: StatementParts): Declared {
  return { name: names.take(nameFor(pipe, code.type), scope.visible), code };
}

const NAMES: Readonly<Record<string, string>> = {
  ls: 'name',
  lsdir: 'name',
  getv: 'value',
  getvs: 'value',
  seq: 'number',
  split: 'part',
};

/** What a value without a name is called: by what gives it. */
function nameFor(pipe: Pipe, type: GoType): string {
  const [first] = pipe.commands.at(-1)?.operands ?? [];
  const known = first?.kind === 'function' ? NAMES[first.name] : undefined;
  return type === 'pair' ? 'pair' : (known ?? 'item');
}

function rangePieces(node: BranchNode, scope: Scope, parts: StatementParts): Piece[] {
  const over = pipeValue(node.pipe, node.tag, scope, parts);
  const { type } = over;
  const itemType: GoType = typeof type === 'object' ? type.list : type === 'int' ? 'int' : 'unknown';
  const jumps = jumpsIn(node.body);
  const loop = jumps.any
    ? {
        skipped: parts.names.take('skipped', scope.visible),
        stopped: jumps.breaks ? parts.names.take('stopped', scope.visible) : null,
      }
    : null;
  const { head, sets, dot } = loopHead(node, over, itemType, scope, parts);
  const body = listPieces(node.body, innerScope(scope, { dot, loop }), parts);
  const guard = loop !== null && loop.stopped !== null;
  return [
    ...(guard ? [block(`set ${loop.stopped} = false`)] : []),
    block(head),
    ...(guard ? [block(`if not ${loop.stopped}`)] : []),
    ...(loop === null ? [] : [block(`set ${loop.skipped} = false`)]),
    ...sets,
    ...body,
    ...(guard ? [block('endif')] : []),
    ...(node.otherwise === null
      ? []
      : [
          block('else'),
          ...emptySets(node, over, scope, parts),
          ...listPieces(node.otherwise.body, innerScope(scope), parts),
        ]),
    block('endfor'),
  ];
}

/** In the `else` of a loop its variables are what it would have run over. */
function emptySets(
  { pipe, otherwise }: BranchNode,
  over: Code,
  scope: Scope,
  parts: StatementParts,
): Piece[] {
  return pipe.variables.flatMap(({ name }) => {
    const known = scope.variables.get(name);
    if (known === undefined || !mentions(otherwise?.body ?? [], name)) {
      return [];
    }
    learn(known.key, over.type, parts);
    return [set({ name: known.name, code: over })];
  });
}

interface LoopHead {
  readonly head: string;
  readonly sets: readonly Piece[];
  readonly dot: Code;
}

/** `for item in …`, with the names that the variables of `range` have here. */
function loopHead(
  node: BranchNode,
  over: Code,
  itemType: GoType,
  scope: Scope,
  parts: StatementParts,
): LoopHead {
  const { pipe } = node;
  const [first, second] = pipe.variables;
  const isList = typeof over.type === 'object';
  if (pipe.isAssignment) {
    return assigningHead(pipe, over, itemType, scope, parts);
  }
  const value = second ?? first;
  const index = second === undefined ? undefined : first;
  const indexType = isList || over.type === 'int' ? 'int' : over.type === 'map' ? 'string' : 'unknown';
  // The index first, as it is written; but a name is taken before its value is there, so that none hides the other.
  const indexName = index === undefined ? null : newVariable(index, indexType, scope, parts);
  const variable = value === undefined ? null : newVariable(value, itemType, scope, parts);
  // Dot stays what it was where the variable is given another value.
  const isChanged = value !== undefined && assigns(node.body, value.name);
  const name =
    variable === null || isChanged ? parts.names.take(nameFor(pipe, itemType), scope.visible) : variable;
  const dot = simple(name, itemType);
  const sets = isChanged ? [block(`set ${variable} = ${name}`)] : [];
  if (isList) {
    const index0 = indexName === null ? [] : [block(`set ${indexName} = loop.index0`)];
    return { head: `for ${name} in ${over.text}`, sets: [...index0, ...sets], dot };
  }
  return indexName === null
    ? { head: `for ${name} in go.items(${over.text})`, sets, dot }
    : { head: `for ${indexName}, ${name} in go.entries(${over.text})`, sets, dot };
}

/** `range $i, $x = …`: gives the values to variables from outside. */
function assigningHead(
  pipe: Pipe,
  over: Code,
  itemType: GoType,
  scope: Scope,
  parts: StatementParts,
): LoopHead {
  const index = parts.names.take('index', scope.visible);
  const item = parts.names.take(nameFor(pipe, itemType), scope.visible);
  const sources = pipe.variables.length > 1 ? [index, item] : [item];
  const sets = pipe.variables.flatMap(({ name }, at) => {
    const known = scope.variables.get(name);
    if (known === undefined) {
      return [];
    }
    learn(known.key, sources[at] === item ? itemType : 'unknown', parts);
    return [block(`set ${known.name} = ${sources[at]}`)];
  });
  return { head: `for ${index}, ${item} in go.entries(${over.text})`, sets, dot: simple(item, itemType) };
}

function jumpPieces(kind: 'break' | 'continue', { loop }: Scope): Piece[] {
  if (loop === null) {
    return [];
  }
  const stop = kind === 'break' && loop.stopped !== null ? [block(`set ${loop.stopped} = true`)] : [];
  return [...stop, block(`set ${loop.skipped} = true`)];
}

/** By what the type of a template's dot is remembered. */
export function templateKey(name: string): string {
  return `template ${name}`;
}

function callPieces(node: TemplateNode | BlockNode, scope: Scope, parts: StatementParts): Piece[] {
  const macro = parts.macros.get(node.name);
  if (macro === undefined) {
    const reason = `there is no template ${JSON.stringify(node.name)} in this file: Go refuses this as well`;
    return [print(untranslated(node.tag, reason, parts).text)];
  }
  const pieces: Piece[] = [];
  let dot = NOTHING;
  if (node.pipe !== null && node.pipe.variables.length > 0) {
    const declared = declare(node.pipe, node.tag, scope, parts);
    pieces.push(set(declared));
    dot = simple(declared.name, declared.code.type);
  } else if (node.pipe !== null) {
    dot = pipeValue(node.pipe, node.tag, scope, parts);
  }
  learn(templateKey(node.name), dot.type, parts);
  return [...pieces, print(`${macro.name}(${macro.argument === null ? '' : orNil(dot)})`)];
}

function definePieces(node: DefineNode | BlockNode, scope: Scope, parts: StatementParts): Piece[] {
  const macro = parts.macros.get(node.name);
  const definition =
    macro === undefined || macro.isAhead || macro.node !== node ? [] : macroPieces(macro, parts);
  return node.kind === 'define' ? definition : [...definition, ...callPieces(node, scope, parts)];
}
