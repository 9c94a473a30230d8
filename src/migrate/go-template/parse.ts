import { numberOf, runeOf, unquote } from './constants.ts';
import { type Lexed, lex, type Token } from './lexer.ts';
import type {
  BranchNode,
  Command,
  DefineNode,
  GoNode,
  NumberOperand,
  Operand,
  Otherwise,
  Pipe,
  StringOperand,
  Tag,
} from './nodes.ts';
import { GoSyntaxError, type Place } from './syntax-error.ts';

const DEEPEST = 500;
/** Words that cannot name a function. */
const KEYWORDS = new Set(
  'block break continue define else end if range nil template with true false'.split(' '),
);

/**
 * Reads a Go template (text/template, Go 1.24): its nodes, each with its place. Whether functions exist is not looked at.
 * Throws a `GoSyntaxError` with line and column for everything else that Go refuses to parse.
 */
export function parseGoTemplate(file: string, text: string): readonly GoNode[] {
  return new Parser(file, lex(text)).top();
}

/** What ended a list of nodes. */
type Ending = { readonly kind: 'end' | 'else'; readonly tag: Tag; readonly chains: 'if' | 'with' | null };

class Parser {
  readonly #file: string;
  readonly #lexed: Lexed;
  /** Names of defined templates, and whether they print more than blanks. */
  readonly #defined = new Map<string, boolean>();
  #at = 0;
  #variables: string[] = ['$'];
  #loops = 0;
  #depth = 0;

  constructor(file: string, lexed: Lexed) {
    this.#file = file;
    this.#lexed = lexed;
  }

  top(): readonly GoNode[] {
    const nodes: GoNode[] = [];
    while (this.#peek().kind !== 'end') {
      const node = this.#isDefine() ? this.#define() : this.#node();
      if ('chains' in node) {
        this.#fail(node.tag.place, `{{${node.kind}}} belongs to nothing that is open`);
      }
      nodes.push(node);
    }
    return nodes;
  }

  #isDefine(): boolean {
    if (this.#peek().kind !== 'left') {
      return false;
    }
    const word = this.#lexed.tokens.slice(this.#at + 1, this.#at + 3).find((token) => token.kind !== 'space');
    return word?.kind === 'word' && word.value === 'define';
  }

  #define(): DefineNode {
    const tag = this.#tagOf(this.#next());
    this.#nextWord();
    const name = this.#templateName('define');
    this.#expectRight('define');
    const { body, end } = this.#apart('define', tag);
    this.#name(name, body, tag);
    return { kind: 'define', tag, name, body, end };
  }

  /** The body of `define` and `block`, which knows no variables from around it. */
  #apart(what: string, tag: Tag): { readonly body: readonly GoNode[]; readonly end: Tag } {
    const [variables, loops] = [this.#variables, this.#loops];
    this.#variables = ['$'];
    this.#loops = 0;
    const { body, ending } = this.#list(what, tag);
    if (ending.kind === 'else') {
      this.#fail(ending.tag.place, `{{else}} stands in ${what}`);
    }
    this.#variables = variables;
    this.#loops = loops;
    return { body, end: ending.tag };
  }

  #name(name: string, body: readonly GoNode[], tag: Tag): void {
    const isFull = !body.every(isBlank);
    if (this.#defined.get(name) === true && isFull) {
      this.#fail(tag.place, `the template ${JSON.stringify(name)} is defined twice`);
    }
    this.#defined.set(name, isFull || this.#defined.get(name) === true);
  }

  /** Nodes up to the `end` or `else` that is not theirs. */
  #list(what: string, tag: Tag): { readonly body: readonly GoNode[]; readonly ending: Ending } {
    const body: GoNode[] = [];
    if (++this.#depth > DEEPEST) {
      this.#fail(tag.place, `more than ${DEEPEST} tags inside of each other`);
    }
    while (this.#peek().kind !== 'end') {
      const node = this.#node();
      if ('chains' in node) {
        this.#depth--;
        return { body, ending: node };
      }
      body.push(node);
    }
    return this.#fail(tag.place, `{{${what}}} is never closed: {{end}} is missing`);
  }

  #node(): GoNode | Ending {
    const token = this.#next();
    switch (token.kind) {
      case 'text':
        return {
          kind: 'text',
          place: token.place,
          text: token.value,
          source: this.#lexed.texts.get(token.place.offset) ?? token.value,
        };
      case 'comment':
        return { kind: 'comment', tag: this.#tagOf(token), text: commentText(token.value) };
      case 'left':
        return this.#action(this.#tagOf(token));
      default:
        return this.#unexpected(token, 'the template');
    }
  }

  #action(tag: Tag): GoNode | Ending {
    const word = this.#peekWord();
    if (word.kind === 'word' && KEYWORDS.has(word.value)) {
      switch (word.value) {
        case 'if':
        case 'range':
        case 'with':
          this.#nextWord();
          return this.#branch(word.value, tag);
        case 'break':
        case 'continue':
          this.#nextWord();
          this.#expectRight(word.value);
          if (this.#loops === 0) {
            this.#fail(word.place, `{{${word.value}}} stands outside of {{range}}`);
          }
          return { kind: word.value, tag };
        case 'template':
          this.#nextWord();
          return this.#template(tag);
        case 'block':
          this.#nextWord();
          return this.#block(tag);
        case 'end':
          this.#nextWord();
          this.#expectRight('end');
          return { kind: 'end', tag, chains: null };
        case 'else':
          this.#nextWord();
          return this.#else(tag);
        case 'define':
          return this.#fail(word.place, '{{define}} stands inside of another tag');
        default:
      }
    }
    return { kind: 'action', tag, pipe: this.#pipe('command', 'right') };
  }

  #else(tag: Tag): Ending {
    const word = this.#peekWord();
    if (word.kind === 'word' && (word.value === 'if' || word.value === 'with')) {
      this.#nextWord();
      return { kind: 'else', tag, chains: word.value };
    }
    this.#expectRight('else');
    return { kind: 'else', tag, chains: null };
  }

  #branch(kind: BranchNode['kind'], tag: Tag): BranchNode {
    const known = this.#variables.length;
    const pipe = this.#pipe(kind, 'right');
    this.#loops += kind === 'range' ? 1 : 0;
    const { body, ending } = this.#list(kind, tag);
    this.#loops -= kind === 'range' ? 1 : 0;
    const [otherwise, end] = this.#otherwise(kind, ending);
    this.#variables.length = known;
    return { kind, tag, pipe, body, otherwise, end };
  }

  #otherwise(kind: BranchNode['kind'], ending: Ending): readonly [Otherwise | null, Tag] {
    if (ending.kind === 'end') {
      return [null, ending.tag];
    }
    if (ending.chains !== null) {
      if (ending.chains !== kind) {
        this.#fail(ending.tag.place, `{{else ${ending.chains}}} does not go with {{${kind}}}`);
      }
      if (++this.#depth > DEEPEST) {
        this.#fail(ending.tag.place, `more than ${DEEPEST} tags inside of each other`);
      }
      const chained = this.#branch(ending.chains, ending.tag);
      this.#depth--;
      return [{ tag: ending.tag, body: [chained], isChained: true }, chained.end];
    }
    const { body, ending: last } = this.#list('else', ending.tag);
    if (last.kind === 'else') {
      this.#fail(last.tag.place, 'a second {{else}}: {{end}} is expected');
    }
    return [{ tag: ending.tag, body, isChained: false }, last.tag];
  }

  #template(tag: Tag): GoNode {
    const name = this.#templateName('template');
    if (this.#peekWord().kind === 'right') {
      this.#nextWord();
      return { kind: 'template', tag, name, pipe: null };
    }
    return { kind: 'template', tag, name, pipe: this.#pipe('template', 'right') };
  }

  #block(tag: Tag): GoNode {
    const name = this.#templateName('block');
    const pipe = this.#pipe('block', 'right');
    const { body, end } = this.#apart('block', tag);
    this.#name(name, body, tag);
    return { kind: 'block', tag, name, pipe, body, end };
  }

  #templateName(what: string): string {
    const token = this.#nextWord();
    if (token.kind !== 'string' && token.kind !== 'rawString') {
      return this.#unexpected(token, `{{${what}}}, where the name of a template in quotes is expected`);
    }
    return this.#string(token).value;
  }

  #pipe(what: string, end: 'right' | 'close'): Pipe {
    const { place } = this.#peekWord();
    const { variables, isAssignment } = this.#variablesOf(what);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#peekWord();
      if (token.kind === end) {
        this.#nextWord();
        this.#checkCommands(commands, what, token);
        return { kind: 'pipe', place, variables, isAssignment, commands };
      }
      if (!startsOperand(token)) {
        this.#unexpected(token, what);
      }
      commands.push(this.#command());
    }
  }

  #checkCommands(commands: readonly Command[], what: string, end: Token): void {
    if (commands.length === 0) {
      this.#fail(end.place, `a value for ${what} is missing`);
    }
    for (const { operands, place } of commands.slice(1)) {
      if (['bool', 'dot', 'nil', 'number', 'string'].includes(operands[0].kind)) {
        this.#fail(place, 'behind a | comes a function, a field or a variable');
      }
    }
  }

  /** `$x :=`, `$x =`, `$i, $x :=` at the beginning of a pipeline. */
  #variablesOf(what: string): Pick<Pipe, 'variables' | 'isAssignment'> {
    const variables: { name: string; place: Place }[] = [];
    for (;;) {
      const start = this.#at;
      const token = this.#peekWord();
      if (token.kind !== 'variable') {
        return { variables, isAssignment: false };
      }
      this.#nextWord();
      const next = this.#peekWord();
      if (next.kind === 'assign' || next.kind === 'declare') {
        this.#nextWord();
        this.#declare(variables, token);
        return { variables, isAssignment: next.kind === 'assign' };
      }
      if (next.kind !== 'comma') {
        this.#at = start;
        return { variables, isAssignment: false };
      }
      this.#nextWord();
      this.#declare(variables, token);
      if (what !== 'range' || variables.length > 1) {
        this.#fail(token.place, `too many variables for ${what}`);
      }
      if (!['variable', 'right', 'close'].includes(this.#peekWord().kind)) {
        this.#fail(this.#peekWord().place, 'behind the comma comes a second variable');
      }
    }
  }

  #declare(variables: { name: string; place: Place }[], { value, place }: Token): void {
    variables.push({ name: value, place });
    this.#variables.push(value);
  }

  #command(): Command {
    const { place } = this.#peekWord();
    const operands: Operand[] = [];
    for (;;) {
      const word = this.#peekWord();
      if (startsOperand(word)) {
        operands.push(this.#operand());
      }
      const token = this.#peek();
      if (token.kind === 'space') {
        this.#next();
        continue;
      }
      if (token.kind === 'pipe') {
        this.#next();
      } else if (token.kind !== 'right' && token.kind !== 'close') {
        this.#unexpected(token, 'a command');
      }
      const [first, ...rest] = operands;
      return first === undefined
        ? this.#fail(token.place, 'a command is missing')
        : { place, operands: [first, ...rest] };
    }
  }

  #operand(): Operand {
    const operand = this.#term();
    const { place } = this.#peek();
    const fields: string[] = [];
    while (this.#peek().kind === 'field') {
      fields.push(this.#next().value.slice(1));
    }
    if (fields.length === 0) {
      return operand;
    }
    switch (operand.kind) {
      case 'field':
      case 'variable':
        return { ...operand, fields: [...operand.fields, ...fields] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#fail(place, `.${fields[0]} follows what has no fields`);
      default:
        return { kind: 'chain', place: operand.place, of: operand, fields };
    }
  }

  #term(): Operand {
    const token = this.#nextWord();
    const { place, value } = token;
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot', place };
      case 'field':
        return { kind: 'field', place, fields: [value.slice(1)] };
      case 'variable':
        if (!this.#variables.includes(value)) {
          this.#fail(place, `there is no variable ${value} here`);
        }
        return { kind: 'variable', place, name: value, fields: [] };
      case 'number':
      case 'rune':
        return this.#number(token);
      case 'string':
      case 'rawString':
        return this.#string(token);
      case 'open':
        return this.#pipe('brackets', 'close');
      default:
        return this.#word(token);
    }
  }

  #word(token: Token): Operand {
    const { place, value } = token;
    if (value === 'nil') {
      return { kind: 'nil', place };
    }
    return value === 'true' || value === 'false'
      ? { kind: 'bool', place, value: value === 'true' }
      : { kind: 'function', place, name: value };
  }

  #number(token: Token): NumberOperand {
    const { place, value: source } = token;
    if (token.kind === 'rune') {
      const rune = runeOf(source);
      return rune.kind === 'wrong'
        ? this.#fail(place, rune.found)
        : { kind: 'number', place, source, integer: rune.value, float: Number(rune.value), isFloat: false };
    }
    const read = numberOf(source);
    return read.kind === 'wrong'
      ? this.#fail(place, read.found)
      : { kind: 'number', place, source, ...read.value };
  }

  #string({ place, value: source }: Token): StringOperand {
    const read = unquote(source);
    return read.kind === 'wrong'
      ? this.#fail(place, read.found)
      : { kind: 'string', place, source, ...read.value };
  }

  #expectRight(what: string): void {
    const token = this.#nextWord();
    if (token.kind !== 'right') {
      this.#unexpected(token, `{{${what}}}`);
    }
  }

  #tagOf(token: Token): Tag {
    const tag = this.#lexed.tags.get(token.place.offset);
    if (tag !== undefined) {
      return tag;
    }
    // A tag that never ends is an error of its own, which is the last token.
    const error = this.#lexed.tokens.at(-1) ?? token;
    return { place: token.place, source: error.value, trimsBefore: false, trimsAfter: false };
  }

  #peek(): Token {
    const token = this.#lexed.tokens[this.#at] ?? this.#lexed.tokens.at(-1);
    if (token === undefined || token.kind === 'error') {
      const place = token?.place ?? { offset: 0, line: 1, column: 1 };
      return this.#fail(place, token?.value ?? 'nothing is there');
    }
    return token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  /** The next token that is no blank. */
  #peekWord(): Token {
    while (this.#peek().kind === 'space') {
      this.#at++;
    }
    return this.#peek();
  }

  #nextWord(): Token {
    this.#peekWord();
    return this.#next();
  }

  #unexpected(token: Token, where: string): never {
    const what = token.kind === 'end' ? 'the end of the file' : JSON.stringify(token.value);
    return this.#fail(token.place, `${what} is not expected in ${where}`);
  }

  #fail(place: Place, found: string): never {
    throw new GoSyntaxError(this.#file, place, found);
  }
}

function startsOperand({ kind, value }: Token): boolean {
  switch (kind) {
    case 'word':
      return !KEYWORDS.has(value) || ['nil', 'true', 'false'].includes(value);
    case 'dot':
    case 'field':
    case 'variable':
    case 'number':
    case 'rune':
    case 'string':
    case 'rawString':
    case 'open':
      return true;
    default:
      return false;
  }
}

function isBlank(node: GoNode): boolean {
  return (
    node.kind === 'comment' || node.kind === 'define' || (node.kind === 'text' && node.text.trim() === '')
  );
}

function commentText(source: string): string {
  return source.replace(/^\{\{-?\s?\/\*/, '').replace(/\*\/$/, '');
}
