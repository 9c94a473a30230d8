import type { Command, NumberOperand, Operand, Pipe } from '../go-template/nodes.ts';
import { type Code, member, operand, orNil, orNilOperand, quoted, simple, sum, textCode } from './code.ts';
import { formatCode } from './format-code.ts';
import { KNOWN_FUNCTIONS, UNTRANSLATED_FUNCTIONS } from './functions.ts';
import type { Scope, Types } from './scope.ts';
import { isTrueAlike, joinTypes, sameType } from './types.ts';

/** Why something of a template has no translation. */
export class Untranslatable extends Error {}

/** What translating expressions needs to know of the template. */
export interface ExpressionParts {
  /** What the last pass learned of types. */
  readonly types: Types;
  /** The name of the store functions below a prefix, or null where there is none. */
  readonly store: string | null;
  /** The variables of the environment that it reads. */
  readonly environment: Set<string>;
}

const NIL = simple('none', 'nil');
const OPERATORS: Readonly<Record<string, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

/** What a pipeline gives. Throws `Untranslatable`. */
export function pipeCode(pipe: Pipe, scope: Scope, parts: ExpressionParts): Code {
  const value = pipe.commands.reduce<Code | null>(
    (before, command) => commandCode(command, before, scope, parts),
    null,
  );
  return value ?? NIL;
}

/** Whether what a value is counts as true to Go. */
export function truth(code: Code): Code {
  if (code.condition !== null) {
    return sum(code.condition, 'bool');
  }
  if (isTrueAlike(code.type) && !code.mayMiss) {
    return { ...code, type: 'bool' };
  }
  return code.type === 'nil' ? simple('false', 'bool') : simple(`go.truthy(${code.text})`, 'bool');
}

function commandCode(
  { operands: [first, ...rest] }: Command,
  last: Code | null,
  scope: Scope,
  parts: ExpressionParts,
): Code {
  if (first.kind === 'function') {
    const args = rest.map((one) => operandCode(one, scope, parts));
    return call(first.name, last === null ? args : [...args, last], parts);
  }
  if (rest.length > 0 || last !== null) {
    throw new Untranslatable('only a function takes arguments: Go refuses this as well');
  }
  if (first.kind === 'nil') {
    throw new Untranslatable('nil alone is no value: Go refuses this as well');
  }
  return operandCode(first, scope, parts);
}

function operandCode(one: Operand, scope: Scope, parts: ExpressionParts): Code {
  switch (one.kind) {
    case 'dot':
      return scope.dot;
    case 'nil':
      return NIL;
    case 'bool':
      return simple(String(one.value), 'bool');
    case 'number':
      return numberCode(one);
    case 'string':
      if (!one.isText) {
        throw new Untranslatable('it holds bytes that are no text');
      }
      return textCode(one.value);
    case 'field':
      return one.fields.reduce(field, scope.dot);
    case 'variable':
      return one.fields.reduce(field, variableCode(one.name, scope, parts));
    case 'function':
      return call(one.name, [], parts);
    case 'chain':
      return one.fields.reduce(field, operandCode(one.of, scope, parts));
    case 'pipe':
      if (one.variables.length > 0) {
        throw new Untranslatable('a variable is declared inside of brackets: declare it in a tag of its own');
      }
      return pipeCode(one, scope, parts);
  }
}

function variableCode(name: string, scope: Scope, { types }: ExpressionParts): Code {
  if (name === '$') {
    return scope.root;
  }
  const variable = scope.variables.get(name);
  if (variable === undefined) {
    throw new Untranslatable(`there is no variable ${name} here: Go refuses this as well`);
  }
  return simple(variable.name, types.get(variable.key) ?? 'unknown');
}

function numberCode({ integer, float, isFloat, source }: NumberOperand): Code {
  if (isFloat && float !== null) {
    return simple(`go.float(${quoted(String(float))})`, 'float');
  }
  if (integer === null || !Number.isSafeInteger(Number(integer))) {
    throw new Untranslatable(`the number ${source} has no equal here`);
  }
  return simple(String(integer), 'int');
}

function field(of: Code, name: string): Code {
  const { type } = of;
  if (type === 'nil') {
    return NIL;
  }
  if (type === 'pair') {
    if (name !== 'Key' && name !== 'Value') {
      throw new Untranslatable(`a key has no .${name}, only .Key and .Value: Go refuses this as well`);
    }
    return simple(`${operand(of)}.${name.toLowerCase()}`, 'string');
  }
  if (type !== 'map' && type !== 'unknown' && type !== 'never') {
    throw new Untranslatable(`.${name} is asked of what has no fields: Go refuses this as well`);
  }
  // It may be a key with its value, or an object of JSON that has such a field.
  if (type !== 'map' && (name === 'Key' || name === 'Value')) {
    return simple(`go.field(${of.text}, ${quoted(name)})`, 'unknown');
  }
  return simple(member(operand(of), name), 'unknown', { mayMiss: true });
}

function call(name: string, args: readonly Code[], parts: ExpressionParts): Code {
  switch (name) {
    case 'and':
    case 'or':
      return logic(name, args);
    case 'not':
      return sum(`not ${args.map((arg) => operand(truth(arg))).join(', ')}`, 'bool');
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      return comparison(name, args);
    case 'index':
      return indexCode(args);
    case 'print':
      return args.length > 0 && args.every((arg) => arg.type === 'string' && !arg.mayMiss)
        ? joinedTexts(args)
        : simple(`go.print(${texts(args)})`, 'string');
    case 'printf':
      return printf(args);
    case 'getenv':
      return getenv(args, parts);
    default:
      return known(name, args, parts);
  }
}

function known(name: string, args: readonly Code[], { store }: ExpressionParts): Code {
  const reason = Object.hasOwn(UNTRANSLATED_FUNCTIONS, name) ? UNTRANSLATED_FUNCTIONS[name] : undefined;
  const found = Object.hasOwn(KNOWN_FUNCTIONS, name) ? KNOWN_FUNCTIONS[name] : undefined;
  if (found === undefined) {
    throw new Untranslatable(reason ?? `confd has no function ${name}`);
  }
  const { gives } = found;
  const callee = found.isStore && store !== null ? `${store}.${found.name}` : found.name;
  const given = args.map((arg) => (found.takes === 'nil' ? orNil(arg) : arg.text));
  return simple(
    `${callee}(${given.join(', ')})`,
    typeof gives === 'function' ? gives(args.map((arg) => arg.type)) : gives,
  );
}

function logic(name: 'and' | 'or', args: readonly Code[]): Code {
  const [only] = args;
  if (only === undefined) {
    throw new Untranslatable(`${name} takes arguments: Go refuses this as well`);
  }
  if (args.length === 1) {
    return only;
  }
  const type = args.map((arg) => arg.type).reduce(joinTypes);
  const condition = args.map((arg) => operand(truth(arg))).join(` ${name} `);
  if (args.every((arg) => isTrueAlike(arg.type) && !arg.mayMiss)) {
    return sum(args.map(operand).join(` ${name} `), type, { condition });
  }
  const value = args.reduceRight<string | null>((rest, arg) => {
    const self = orNilOperand(arg);
    if (rest === null) {
      return self;
    }
    const [yes, no] = name === 'or' ? [self, rest] : [rest, self];
    return `(${yes} if ${operand(truth(arg))} else ${no})`;
  }, null);
  return simple(value ?? '', type, { condition });
}

function comparison(name: string, args: readonly Code[]): Code {
  const [first, second, ...more] = args;
  const same =
    first !== undefined &&
    args.every((arg) => !arg.mayMiss && sameType(arg.type, first.type)) &&
    (first.type === 'int' ||
      ((name === 'eq' || name === 'ne') && (first.type === 'string' || first.type === 'bool')));
  if (!same || second === undefined) {
    return simple(`go.${name}(${texts(args)})`, 'bool');
  }
  return more.length === 0
    ? sum(`${operand(first)} ${OPERATORS[name]} ${operand(second)}`, 'bool')
    : sum(`${operand(first)} in [${texts([second, ...more])}]`, 'bool');
}

function indexCode(args: readonly Code[]): Code {
  const [of, by, ...more] = args;
  if (of === undefined || by === undefined) {
    return of ?? simple('go.index()', 'unknown');
  }
  if (typeof of.type === 'object' && by.type === 'int' && !by.text.startsWith('-')) {
    const item = simple(`${operand(of)}[${by.text}]`, of.type.list);
    return more.length === 0 ? item : indexCode([item, ...more]);
  }
  if (of.type === 'map' && by.constant !== null) {
    const item = simple(member(operand(of), by.constant), 'unknown', { mayMiss: true });
    return more.length === 0 ? item : indexCode([item, ...more]);
  }
  return simple(`go.index(${texts(args)})`, 'unknown');
}

function printf(args: readonly Code[]): Code {
  const [format, ...values] = args;
  const parts =
    format?.constant === null || format === undefined ? null : formatCode(format.constant, values);
  return parts === null ? simple(`go.printf(${texts(args)})`, 'string') : joinedTexts(parts);
}

/** Texts beside each other are one; empty ones are nothing. */
function joinedTexts(parts: readonly Code[]): Code {
  const merged: Code[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (part.constant === '' && parts.length > 1) {
      continue;
    }
    if (last !== undefined && last.constant !== null && part.constant !== null) {
      merged[merged.length - 1] = textCode(last.constant + part.constant);
    } else {
      merged.push(part);
    }
  }
  const [only, ...rest] = merged;
  if (only === undefined) {
    return textCode('');
  }
  return rest.length === 0 && only.type === 'string'
    ? only
    : sum((merged.length === 1 ? [only, textCode('')] : merged).map(operand).join(' ~ '), 'string');
}

function getenv(args: readonly Code[], { environment }: ExpressionParts): Code {
  const [name, ...fallback] = args;
  if (name?.constant !== null && name !== undefined) {
    environment.add(name.constant);
  }
  return simple(`getenv(${texts(fallback.length === 0 ? [...args, textCode('')] : args)})`, 'string');
}

function texts(args: readonly Code[]): string {
  return args.map((arg) => arg.text).join(', ');
}
