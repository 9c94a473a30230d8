import type { Tag } from './nodes.ts';
import { type Place, placesOf } from './syntax-error.ts';

/** One word of a template. `value` is as it stands in the file. */
export interface Token {
  readonly kind: TokenKind;
  readonly place: Place;
  readonly value: string;
}

type TokenKind =
  | 'text'
  | 'comment'
  | 'left'
  | 'right'
  | 'space'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'open'
  | 'close'
  | 'comma'
  | 'char'
  | 'string'
  | 'rawString'
  | 'rune'
  | 'number'
  | 'variable'
  | 'field'
  | 'dot'
  | 'word'
  | 'error'
  | 'end';

/** The words of a template, and the tags and texts by the offset at which they begin. */
export interface Lexed {
  readonly tokens: readonly Token[];
  /** By the offset of `left` or of a comment. */
  readonly tags: ReadonlyMap<number, Tag>;
  /** Texts as they stand in the file, by their offset; `value` of the token is without what is trimmed. */
  readonly texts: ReadonlyMap<number, string>;
}

const LEFT = '{{';
const RIGHT = '}}';
const SPACE = /[ \t\r\n]/;
const NAME = /[\p{L}\p{Nd}_]/u;
const PRINTABLE = /^[!-~]$/;
const DEEPEST = 500;

/** Splits a template into words, as text/template/parse does. What is wrong is the last token, of kind `error`. */
export function lex(text: string): Lexed {
  return new Lexer(text).run();
}

class Lexer {
  readonly #text: string;
  readonly #placeAt: (offset: number) => Place;
  readonly #tokens: Token[] = [];
  readonly #tags = new Map<number, Tag>();
  readonly #texts = new Map<number, string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#placeAt = placesOf(text);
  }

  run(): Lexed {
    let trims = false;
    for (;;) {
      const start = this.#at;
      const left = this.#text.indexOf(LEFT, start);
      const end = left === -1 ? this.#text.length : left;
      const trimsNext = left !== -1 && this.#hasLeftMarker(left + LEFT.length);
      this.#emitText(start, end, { before: trims, after: trimsNext });
      this.#at = end;
      if (left === -1) {
        this.#emit('end', end, end);
        break;
      }
      const after = this.#tag(left, trimsNext);
      if (after === 'error') {
        break;
      }
      trims = after === 'trims';
    }
    return { tokens: this.#tokens, tags: this.#tags, texts: this.#texts };
  }

  #emitText(start: number, end: number, trim: { before: boolean; after: boolean }): void {
    const source = this.#text.slice(start, end);
    if (source === '') {
      return;
    }
    const ahead = trim.before ? source.replace(/^[ \t\r\n]+/, '') : source;
    this.#tokens.push({
      kind: 'text',
      place: this.#placeAt(start),
      value: trim.after ? trimEnd(ahead) : ahead,
    });
    this.#texts.set(start, source);
  }

  /** From `{{` to `}}`. Says whether what comes is trimmed. */
  #tag(left: number, trimsBefore: boolean): 'trims' | 'keeps' | 'error' {
    this.#at = left + LEFT.length + (trimsBefore ? 1 : 0);
    const comment = this.#at + (trimsBefore ? 1 : 0);
    if (this.#text.startsWith('/*', comment)) {
      return this.#comment(left, comment, trimsBefore);
    }
    this.#emit('left', left, this.#at);
    let depth = 0;
    for (;;) {
      const marker = this.#rightMarker();
      if (marker !== null) {
        if (depth > 0) {
          return this.#error(this.#at, 'a bracket is not closed');
        }
        return this.#closeTag(left, trimsBefore, marker);
      }
      const start = this.#at;
      const kind = this.#word();
      if (kind === 'error') {
        return 'error';
      }
      depth += kind === 'open' ? 1 : kind === 'close' ? -1 : 0;
      if (depth < 0) {
        this.#tokens.pop();
        return this.#error(start, 'a ) closes nothing');
      }
      if (depth > DEEPEST) {
        return this.#error(start, `more than ${DEEPEST} brackets inside of each other`);
      }
    }
  }

  #comment(left: number, start: number, trimsBefore: boolean): 'trims' | 'keeps' | 'error' {
    const end = this.#text.indexOf('*/', start + 2);
    if (end === -1) {
      return this.#error(left, 'the comment is not closed: */ is missing');
    }
    this.#at = end + 2;
    const marker = this.#rightMarker();
    if (marker === null) {
      return this.#error(this.#at, 'behind the */ of a comment comes }} at once');
    }
    this.#emit('comment', left, this.#at);
    return this.#endTag(left, trimsBefore, marker);
  }

  #closeTag(left: number, trimsBefore: boolean, marker: '' | ' -'): 'trims' | 'keeps' {
    this.#emit('right', this.#at, this.#at + marker.length + RIGHT.length);
    return this.#endTag(left, trimsBefore, marker);
  }

  #endTag(left: number, trimsBefore: boolean, marker: '' | ' -'): 'trims' | 'keeps' {
    this.#at += marker.length + RIGHT.length;
    this.#tags.set(left, {
      place: this.#placeAt(left),
      source: this.#text.slice(left, this.#at),
      trimsBefore,
      trimsAfter: marker !== '',
    });
    return marker === '' ? 'keeps' : 'trims';
  }

  /** The kind of the next word, which is emitted. */
  #word(): TokenKind {
    const start = this.#at;
    const rune = this.#rune(start);
    if (rune === '') {
      return this.#error(
        this.#tokens.findLast((token) => token.kind === 'left')?.place.offset ?? start,
        'the tag is not closed: }} is missing',
      );
    }
    if (SPACE.test(rune)) {
      return this.#space();
    }
    switch (rune) {
      case '=':
        return this.#emit('assign', start, start + 1);
      case ':':
        return this.#text[start + 1] === '='
          ? this.#emit('declare', start, start + 2)
          : this.#error(start, 'a : stands in := only');
      case '|':
        return this.#emit('pipe', start, start + 1);
      case '(':
        return this.#emit('open', start, start + 1);
      case ')':
        return this.#emit('close', start, start + 1);
      case ',':
        return this.#emit('comma', start, start + 1);
      case '"':
        return this.#quoted('string', '"', 'a text in quotes');
      case "'":
        return this.#quoted('rune', "'", 'a character in quotes');
      case '`':
        return this.#rawString();
      case '$':
        return this.#named('variable', start + 1);
      default:
        return this.#other(rune, start);
    }
  }

  #other(rune: string, start: number): TokenKind {
    const next = this.#text[start + 1] ?? '';
    if (rune === '.' && !/\d/.test(next)) {
      return this.#endsWord(start + 1)
        ? this.#emit('dot', start, start + 1)
        : this.#named('field', start + 1);
    }
    if (/[.+\-\d]/.test(rune)) {
      return this.#number();
    }
    if (NAME.test(rune)) {
      return this.#named('word', start);
    }
    return PRINTABLE.test(rune)
      ? this.#emit('char', start, start + 1)
      : this.#error(start, `the character ${JSON.stringify(rune)} stands for nothing here`);
  }

  #space(): TokenKind {
    const start = this.#at;
    let end = start;
    while (SPACE.test(this.#text[end] ?? '')) {
      end++;
    }
    // The last one may belong to ` -}}`.
    if (this.#text.startsWith(`-${RIGHT}`, end)) {
      end--;
    }
    return this.#emit('space', start, end);
  }

  #quoted(kind: 'string' | 'rune', quote: string, what: string): TokenKind {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length && this.#text[at] !== '\n'; at++) {
      if (this.#text[at] === quote) {
        return this.#emit(kind, start, at + 1);
      }
      if (this.#text[at] === '\\' && this.#text[at + 1] !== '\n') {
        at++;
      }
    }
    return this.#error(start, `${what} does not end on its line`);
  }

  #rawString(): TokenKind {
    const start = this.#at;
    const end = this.#text.indexOf('`', start + 1);
    return end === -1
      ? this.#error(start, 'a text between backquotes does not end')
      : this.#emit('rawString', start, end + 1);
  }

  /** A name that begins at `from`, with what stands before it. */
  #named(kind: 'variable' | 'field' | 'word', from: number): TokenKind {
    const start = this.#at;
    let end = from;
    for (let rune = this.#rune(end); NAME.test(rune); rune = this.#rune(end)) {
      end += rune.length;
    }
    return this.#endsWord(end)
      ? this.#emit(kind, start, end)
      : this.#error(end, `the character ${JSON.stringify(this.#rune(end))} may not follow a name at once`);
  }

  /** Not all of these are numbers; `numberOf` judges them. */
  #number(): TokenKind {
    const start = this.#at;
    const one =
      /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[\d_]*)?|0[oO][0-7_]*|0[bB][01_]*|[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?)i?/y;
    one.lastIndex = start;
    one.test(this.#text);
    let end = Math.max(one.lastIndex, start);
    if (/[+-]/.test(this.#text[end] ?? '') && end > start) {
      const first = end;
      one.lastIndex = end;
      one.test(this.#text);
      end = Math.max(one.lastIndex, first);
      if (this.#text[end - 1] !== 'i') {
        return this.#badNumber(start, end);
      }
    }
    return end === start || NAME.test(this.#rune(end))
      ? this.#badNumber(start, end + this.#rune(end).length)
      : this.#emit('number', start, end);
  }

  #badNumber(start: number, end: number): 'error' {
    return this.#error(start, `${JSON.stringify(this.#text.slice(start, end))} is no number`);
  }

  #endsWord(at: number): boolean {
    const rune = this.#rune(at);
    return rune === '' || SPACE.test(rune) || '.,|:)('.includes(rune) || this.#text.startsWith(RIGHT, at);
  }

  #hasLeftMarker(at: number): boolean {
    return this.#text[at] === '-' && SPACE.test(this.#text[at + 1] ?? '');
  }

  #rightMarker(): '' | ' -' | null {
    if (SPACE.test(this.#text[this.#at] ?? '') && this.#text.startsWith(`-${RIGHT}`, this.#at + 1)) {
      return ' -';
    }
    return this.#text.startsWith(RIGHT, this.#at) ? '' : null;
  }

  #rune(at: number): string {
    const code = this.#text.codePointAt(at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #emit<Kind extends TokenKind>(kind: Kind, start: number, end: number): Kind {
    this.#tokens.push({ kind, place: this.#placeAt(start), value: this.#text.slice(start, end) });
    // What closes a tag is passed over by `#endTag`, which needs to know where it begins.
    this.#at = kind === 'right' ? start : end;
    return kind;
  }

  #error(at: number, found: string): 'error' {
    this.#tokens.push({ kind: 'error', place: this.#placeAt(at), value: found });
    return 'error';
  }
}

/** Without a regular expression that would look at every run of blanks from each of its blanks. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE.test(text[end - 1] ?? '')) {
    end--;
  }
  return text.slice(0, end);
}
