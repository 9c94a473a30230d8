import { createHash } from 'node:crypto';
import { parseJson } from '../../model/written-number.ts';
import { findControlCharacters } from '../control-characters.ts';
import { Fault } from '../site.ts';
import { describe, isPlainObject, unwrap } from '../values.ts';
import { object, text } from './arguments.ts';

/** confd's functions between text and data. What they give holds no line breaks, as with `getv`. */
export const DATA_FUNCTIONS = {
  /** A JSON object. */
  json: (value: unknown) => object(parse('json', value), 'the JSON'),
  jsonArray(value: unknown): unknown {
    const parsed = parse('jsonArray', value);
    if (!Array.isArray(parsed)) {
      throw new Fault(`the JSON must be a list, not ${describe(parsed)}`);
    }
    return parsed;
  },
  fromJson: (value: unknown) => parse('fromJson', value),
  /** Keys in the order they stand in. */
  toJson: (value: unknown) => JSON.stringify(unwrap(value)),
  base64Encode: (value: unknown) => Buffer.from(text(value, 'the text')).toString('base64'),
  base64Decode(value: unknown): string {
    const encoded = text(value, 'the text');
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
      throw new Fault(`${describe(value)} is not base64`);
    }
    return clean('base64Decode', Buffer.from(encoded, 'base64').toString()) as string;
  },
  parseBool(value: unknown): boolean {
    const word = text(value, 'the text');
    if (/^(1|t|T|true|TRUE|True)$/.test(word)) {
      return true;
    }
    if (/^(0|f|F|false|FALSE|False)$/.test(word)) {
      return false;
    }
    throw new Fault(`${describe(value)} is neither true nor false`);
  },
  atoi(value: unknown): number {
    const digits = text(value, 'the text');
    if (!/^[+-]?\d+$/.test(digits) || !Number.isSafeInteger(Number(digits))) {
      throw new Fault(`${describe(value)} is no whole number`);
    }
    return Number(digits);
  },
  sha256sum: (value: unknown) => createHash('sha256').update(text(value, 'the text')).digest('hex'),
  /** The second, unless it is empty: null, false, 0, "", [] or {}. */
  default: (fallback: unknown, value: unknown) => (isEmpty(value) ? fallback : value),
  /** The first that is not empty. */
  coalesce: (...all: unknown[]) => all.find((value) => !isEmpty(value)) ?? null,
  ternary(yes: unknown, no: unknown, condition: unknown): unknown {
    if (typeof condition !== 'boolean') {
      throw new Fault(`the condition must be true or false, not ${describe(condition)}`);
    }
    return condition ? yes : no;
  },
};

function parse(name: string, value: unknown): unknown {
  const source = text(value, 'the JSON');
  try {
    return clean(name, parseJson(source));
  } catch (error) {
    throw error instanceof SyntaxError
      ? new Fault(`${describe(source)} is not JSON: ${error.message}`)
      : error;
  }
}

/** Escapes in JSON and base64 must not bring in what `getv` keeps out. */
function clean(name: string, value: unknown): unknown {
  const bad = findControlCharacters(value);
  if (bad !== null) {
    throw new Fault(
      `what ${name} gives${bad === '' ? '' : `, at ${bad},`} holds a line break or a control character`,
      'where that is meant, keep the text as it is in a key of its own and take it by getRaw',
    );
  }
  return value;
}

function isEmpty(value: unknown): boolean {
  const plain = unwrap(value);
  return (
    plain === undefined ||
    plain === null ||
    plain === false ||
    plain === 0 ||
    plain === '' ||
    (Array.isArray(plain) && plain.length === 0) ||
    (isPlainObject(plain) && Object.keys(plain).length === 0)
  );
}
