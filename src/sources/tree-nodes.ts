import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type LineCounter,
  type Pair,
  Scalar,
} from 'yaml';
import { SourceError } from '../errors.ts';

/** The text that nodes come from, for error messages. */
export interface TreeText {
  readonly file: string;
  readonly lines: LineCounter;
}

/** Something that stands at a line: a node or a pair. */
export type Place = unknown;

const NULL = /^(|~|null|Null|NULL)$/;
const BOOLEAN = /^(true|True|TRUE|false|False|FALSE)$/;
/** A few hundred bytes of aliases can unfold to more than any machine holds. */
const UNFOLDED = 200_000;
/** RFC 8259, section 6. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Reads the nodes of one document with the rules of the tree form; every error names file and line. */
export class TreeNodes {
  readonly #source: TreeText;
  readonly #document: Document.Parsed;
  readonly #inside = new Set<unknown>();
  /** A text without aliases has fewer values than characters. */
  readonly #most: number;
  #visited = 0;

  constructor(source: TreeText, document: Document.Parsed) {
    this.#source = source;
    this.#document = document;
    this.#most = UNFOLDED + document.range[2];
  }

  /** The node that an alias stands for, or the node itself. */
  resolve(node: unknown): unknown {
    if (++this.#visited > this.#most) {
      throw this.wrong(node, 'it unfolds to far more values than stand there: are there aliases of aliases?');
    }
    if (!isAlias(node)) {
      return node;
    }
    const target = node.resolve(this.#document);
    if (!target) {
      throw this.wrong(node, `nothing is marked with the anchor &${node.source}`);
    }
    return target;
  }

  /** Works inside a map or list; refuses one that contains itself. */
  enter<T>(node: unknown, work: () => T): T {
    if (this.#inside.has(node)) {
      throw this.wrong(node, 'an alias leads back to where it stands');
    }
    this.#inside.add(node);
    const result = work();
    this.#inside.delete(node);
    return result;
  }

  /** The key of a pair, as written. */
  key(pair: Pair): string {
    const key = this.resolve(pair.key);
    if (!isScalar(key)) {
      throw this.wrong(pair, 'a key must be a text');
    }
    if (key.type === Scalar.PLAIN && String(key.value) === '<<') {
      throw this.wrong(pair, 'merge keys (<<) are not supported: write the keys out');
    }
    if (key.type === Scalar.PLAIN && String(key.value) === '') {
      throw this.wrong(pair, 'a key is missing');
    }
    return String(key.value);
  }

  /** A scalar as written. Refuses null, in all its spellings without quotes. */
  text(node: Scalar, place: Place): string {
    const text = String(node.value ?? '');
    if (node.type !== Scalar.PLAIN && node.type !== undefined) {
      return text;
    }
    if (!NULL.test(text)) {
      return text;
    }
    throw this.wrong(place, 'a value is missing (null): write "" for an empty one, or remove the key');
  }

  /** JSON text of a node, without white space; numbers and truth values without quotes stay what they are. */
  json(node: unknown, place: Place): string {
    const value = this.resolve(node);
    if (isSeq(value)) {
      return this.enter(value, () => `[${value.items.map((item) => this.json(item, item)).join(',')}]`);
    }
    if (isMap(value)) {
      return this.enter(value, () => this.#object(value.items));
    }
    if (isScalar(value)) {
      return this.#jsonScalar(value, place);
    }
    throw this.wrong(place, 'a value is missing (null)');
  }

  #object(pairs: readonly Pair[]): string {
    const keys = new Set<string>();
    const members = pairs.map((pair) => {
      const key = this.key(pair);
      if (keys.has(key)) {
        throw this.wrong(pair, `the key ${JSON.stringify(key)} is there twice`);
      }
      keys.add(key);
      return `${JSON.stringify(key)}:${this.json(pair.value, pair)}`;
    });
    return `{${members.join(',')}}`;
  }

  #jsonScalar(node: Scalar, place: Place): string {
    const text = this.text(node, place);
    if (node.type !== Scalar.PLAIN) {
      return JSON.stringify(text);
    }
    if (NUMBER.test(text)) {
      return text;
    }
    return BOOLEAN.test(text) ? text.toLowerCase() : JSON.stringify(text);
  }

  line(place: Place): number {
    return this.#source.lines.linePos(offsetOf(place)).line;
  }

  wrong(place: Place, found: string): SourceError {
    return wrongAt(this.#source, offsetOf(place), found);
  }
}

/** What is wrong with a text, by file and line. */
export function wrongAt({ file, lines }: TreeText, offset: number, found: string): SourceError {
  return new SourceError(`reading ${file}:${lines.linePos(offset).line}: ${found}`, {
    hint: 'correct the file; it is read again as soon as it is saved',
  });
}

function offsetOf(place: Place): number {
  if (isPair(place)) {
    return offsetOf(place.key) || offsetOf(place.value);
  }
  return isNode(place) ? (place.range?.[0] ?? 0) : 0;
}
