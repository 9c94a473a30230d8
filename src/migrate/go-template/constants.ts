const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))/y;
const INTEGER =
  /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?\d)*)$/;
const FLOAT = /^[+-]?(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?$/;
const HEX_FLOAT =
  /^([+-]?)0[xX]_?((?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?)\.?((?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?)[pP]([+-]?\d+)$/;
const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;

/** What a constant of Go's stands for, or why it stands for nothing. */
type Read<T> =
  | { readonly kind: 'fine'; readonly value: T }
  | { readonly kind: 'wrong'; readonly found: string };

/** A text in quotes or backquotes (Go's strconv.Unquote). */
export function unquote(source: string): Read<{ readonly value: string; readonly isText: boolean }> {
  if (source.startsWith('`')) {
    return fine({ value: source.slice(1, -1).replaceAll('\r', ''), isText: true });
  }
  const bytes = unescaped(source.slice(1, -1), '"');
  if (bytes.kind === 'wrong') {
    return bytes;
  }
  const value = bytes.value.toString('utf8');
  return fine({ value, isText: Buffer.from(value, 'utf8').equals(bytes.value) });
}

/** The number of a character in single quotes. */
export function runeOf(source: string): Read<bigint> {
  const inner = source.slice(1, -1);
  const escaped = /^\\(?:x|[0-7])/.test(inner);
  const bytes = unescaped(inner, "'");
  if (bytes.kind === 'wrong') {
    return bytes;
  }
  if (escaped && bytes.value.length === 1) {
    return fine(BigInt(bytes.value[0] ?? 0));
  }
  const runes = [...bytes.value.toString('utf8')];
  return runes.length === 1
    ? fine(BigInt(runes[0]?.codePointAt(0) ?? 0))
    : wrong(`${source} is not one character`);
}

function unescaped(inner: string, quote: string): Read<Buffer> {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < inner.length) {
    const next = inner.indexOf('\\', at);
    parts.push(Buffer.from(inner.slice(at, next === -1 ? inner.length : next), 'utf8'));
    if (next === -1) {
      break;
    }
    ESCAPE.lastIndex = next;
    const match = ESCAPE.exec(inner);
    const bytesOfEscape = match === null ? null : escapeOf(match, quote);
    if (match === null || bytesOfEscape === null) {
      return wrong(`${JSON.stringify(inner.slice(next, next + 2))} is no escape of Go's`);
    }
    parts.push(bytesOfEscape);
    at = next + match[0].length;
  }
  return fine(Buffer.concat(parts));
}

function escapeOf(match: RegExpExecArray, quote: string): Buffer | null {
  const [, byte, short, long, octal, one = ''] = match;
  if (byte !== undefined || octal !== undefined) {
    const number = byte === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(byte, 16);
    return number > 255 ? null : Buffer.from([number]);
  }
  const rune = short ?? long;
  if (rune !== undefined) {
    const code = Number.parseInt(rune, 16);
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
      ? null
      : Buffer.from(String.fromCodePoint(code), 'utf8');
  }
  const simple = one === quote ? quote.charCodeAt(0) : Object.hasOwn(SIMPLE, one) ? SIMPLE[one] : undefined;
  return simple === undefined ? null : Buffer.from([simple]);
}

/** What a number may be taken for; null for what it is not. */
export interface ReadNumber {
  readonly integer: bigint | null;
  readonly float: number | null;
  readonly isFloat: boolean;
}

/** A number of Go's: decimal, hex, octal, binary, float, imaginary, complex; digits may be parted by `_`. */
export function numberOf(source: string): Read<ReadNumber> {
  if (source.endsWith('i')) {
    return imaginaryOf(source);
  }
  if (INTEGER.test(source)) {
    const integer = bigOf(source);
    return integer < LEAST || integer > MOST
      ? wrong(`the number ${source} is too large`)
      : fine({ integer, float: Number(integer), isFloat: false });
  }
  const float = floatOf(source);
  if (float === null || !Number.isFinite(float)) {
    return wrong(`${JSON.stringify(source)} is no number`);
  }
  // As strconv: 089 is a float, but one that looks like a whole number.
  if (!/[.eEpP]/.test(source)) {
    return wrong(`${JSON.stringify(source)} is no number`);
  }
  return fine({ integer: Number.isSafeInteger(float) ? BigInt(float) : null, float, isFloat: true });
}

/** `2i`, `1+2i`; digits of an imaginary part are decimal also with a 0 ahead. */
function imaginaryOf(source: string): Read<ReadNumber> {
  const middle = /[^eEpP]([+-])[^+-]*(?:[eEpP][+-][^+-]*)?i$/.exec(source);
  const start = middle === null ? 0 : source.length - middle[0].length + 1;
  const parts = [...(start === 0 ? [] : [source.slice(0, start)]), source.slice(start, -1)];
  return parts.every((part) => floatOf(part) !== null)
    ? fine({ integer: null, float: null, isFloat: false })
    : wrong(`${JSON.stringify(source)} is no number`);
}

function bigOf(source: string): bigint {
  const digits = source.replace(/^[+-]/, '').replaceAll('_', '').toLowerCase();
  const octal = /^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits;
  return source.startsWith('-') ? -BigInt(octal) : BigInt(octal);
}

function floatOf(source: string): number | null {
  if (FLOAT.test(source)) {
    return Number(source.replaceAll('_', ''));
  }
  const [, sign, whole = '', fraction = '', exponent = ''] = HEX_FLOAT.exec(source) ?? [];
  if (sign === undefined || whole + fraction === '') {
    return null;
  }
  const digits = (whole + fraction).replaceAll('_', '');
  const places = fraction.replaceAll('_', '').length;
  const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * places);
  return sign === '-' ? -value : value;
}

function fine<T>(value: T): Read<T> {
  return { kind: 'fine', value };
}

function wrong(found: string): { readonly kind: 'wrong'; readonly found: string } {
  return { kind: 'wrong', found };
}
