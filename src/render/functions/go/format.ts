import { Fault } from '../../site.ts';
import { checkLength } from '../../sizes.ts';
import { formatFloat, type GoValue, goValue, typeName, withExponent } from './values.ts';

/** One `%…` of a format. */
interface Directive {
  readonly flags: string;
  readonly width: number | null;
  readonly precision: number | null;
  readonly verb: string;
}

const DIRECTIVE = /%([-+# 0]*)(\d*)(?:\.(\d*))?([^\d.*[]|$)/gsu;

/** Go's `fmt.Sprint`: a blank stands between two operands where neither is a text. */
export function sprint(values: readonly unknown[]): string {
  let out = '';
  values.forEach((value, at) => {
    const [before, now] = [goValue(values[at - 1]), goValue(value)];
    out += at > 0 && before.kind !== 'string' && now.kind !== 'string' ? ' ' : '';
    out += plain(now);
  });
  return out;
}

/** Go's `fmt.Sprintln`. */
export function sprintln(values: readonly unknown[]): string {
  return `${values.map((value) => plain(goValue(value))).join(' ')}\n`;
}

/** What `{{ }}` prints of a value. */
export function printed(value: unknown): string {
  const of = goValue(value);
  return of.kind === 'nil' ? '<no value>' : plain(of);
}

/** Go's `fmt.Sprintf`. Throws a `Fault` for `*` and `[1]`, which take widths and arguments out of turn. */
export function sprintf(format: string, values: readonly unknown[]): string {
  if (/%[-+# 0]*\d*(?:\.\d*)?[*[]/.test(format)) {
    throw new Fault(
      `* and [n] of ${JSON.stringify(format)} are not known`,
      'write the width, and the values in their order',
    );
  }
  let next = 0;
  const text = format.replace(
    DIRECTIVE,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%' || verb === '') {
        return verb === '' ? '%!(NOVERB)' : '%';
      }
      if (next >= values.length) {
        return `%!${verb}(MISSING)`;
      }
      const directive: Directive = {
        flags,
        width: width === '' ? null : Number(width),
        precision: precision === undefined ? null : Number(precision),
        verb,
      };
      checkLength(Math.max(directive.width ?? 0, directive.precision ?? 0));
      return one(directive, goValue(values[next++]));
    },
  );
  const rest = values.slice(next).map((value) => {
    const of = goValue(value);
    return of.kind === 'nil' ? '<nil>' : `${typeName(of)}=${plain(of)}`;
  });
  return rest.length === 0 ? text : `${text}%!(EXTRA ${rest.join(', ')})`;
}

const PLAIN: Directive = { flags: '', width: null, precision: null, verb: 'v' };

/** `%v`. */
function plain(value: GoValue): string {
  return one(PLAIN, value);
}

function one(directive: Directive, value: GoValue): string {
  const { verb, flags } = directive;
  if (
    (value.kind === 'float' && 'xXb'.includes(verb)) ||
    (verb === 'v' && flags.includes('#') && value.kind !== 'string' && value.kind !== 'int')
  ) {
    throw new Fault(
      `%${flags}${verb} of ${typeName(value)} is not known`,
      'write it with another verb of printf',
    );
  }
  if (verb === 'T') {
    return padded(directive, typeName(value));
  }
  switch (value.kind) {
    case 'nil':
      return verb === 'v' ? padded({ ...directive, precision: null }, '<nil>') : `%!${verb}(<nil>)`;
    case 'list':
      return `[${value.value.map((item) => inside(directive, item)).join(' ')}]`;
    case 'map':
      return mapText(directive, value.value);
    case 'pair':
      return verb === 'v' && directive.flags.includes('+')
        ? `{Key:${inside(directive, value.key)} Value:${inside(directive, value.value)}}`
        : `{${inside(directive, value.key)} ${inside(directive, value.value)}}`;
    default:
      return scalar(directive, value);
  }
}

/** Within lists and maps nil is `<nil>` for every verb. */
function inside(directive: Directive, item: unknown): string {
  const of = goValue(item);
  return of.kind === 'nil' ? padded(directive, '<nil>') : one(directive, of);
}

function mapText(directive: Directive, map: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(map).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `map[${keys.map((key) => `${inside(directive, key)}:${inside(directive, map[key])}`).join(' ')}]`;
}

function scalar(
  directive: Directive,
  value: GoValue & { readonly kind: 'bool' | 'int' | 'float' | 'string' },
): string {
  const text = textFor(directive, value);
  return (
    text ??
    `%!${directive.verb}(${value.kind === 'float' ? 'float64' : value.kind}=${one({ ...directive, verb: 'v' }, value)})`
  );
}

function textFor(directive: Directive, value: GoValue): string | undefined {
  switch (value.kind) {
    case 'bool':
      return 'vt'.includes(directive.verb)
        ? padded({ ...directive, precision: null }, String(value.value))
        : undefined;
    case 'string':
      return stringText(directive, value.value);
    case 'int':
      return intText(directive, value.value);
    case 'float':
      return floatText(directive, value.value);
    default:
      return undefined;
  }
}

function stringText(directive: Directive, value: string): string | undefined {
  const { verb, precision, flags } = directive;
  const runes = precision === null ? value : [...value].slice(0, precision).join('');
  switch (verb) {
    case 'v':
      return flags.includes('#') ? padded(directive, quoted(runes, 'unicode')) : padded(directive, runes);
    case 's':
      return padded(directive, runes);
    case 'q':
      return flags.includes('#') && !/[`\u0000-\u0008\u000a-\u001f\u007f\ufeff]/.test(runes)
        ? padded(directive, `\`${runes}\``)
        : padded(directive, quoted(runes, flags.includes('+') ? 'ascii' : 'unicode'));
    case 'x':
    case 'X': {
      const bytes = Buffer.from(value, 'utf8').subarray(0, precision ?? undefined);
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
      const start = flags.includes('#') ? '0x' : '';
      const text = flags.includes(' ')
        ? hex.map((byte) => start + byte).join(' ')
        : (hex.length > 0 ? start : '') + hex.join('');
      return padded(directive, verb === 'X' ? text.toUpperCase() : text);
    }
    default:
      return undefined;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** Go's `strconv.Quote`; `ascii` for `QuoteToASCII`. */
function quoted(text: string, kind: 'unicode' | 'ascii'): string {
  return `"${[...text].map((rune) => quotedRune(rune, kind)).join('')}"`;
}

function quotedRune(rune: string, kind: 'unicode' | 'ascii'): string {
  const known = ESCAPES[rune];
  const code = rune.codePointAt(0) ?? 0;
  if (known !== undefined) {
    return known;
  }
  if (code < 0x80) {
    return code < 0x20 || code === 0x7f ? `\\x${hex(code, 2)}` : rune;
  }
  if (kind === 'unicode' && /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(rune)) {
    return rune;
  }
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, '0');
}

function intText(directive: Directive, value: number): string | undefined {
  switch (directive.verb) {
    case 'v':
    case 'd':
      return integer(directive, value, 10, '');
    case 'b':
      return integer(directive, value, 2, '0b');
    case 'o':
      return integer(directive, value, 8, '0');
    case 'O':
      return integer({ ...directive, flags: `${directive.flags}#` }, value, 8, '0o');
    case 'x':
      return integer(directive, value, 16, '0x');
    case 'X':
      return integer(directive, value, 16, '0x').toUpperCase();
    case 'c':
      return padded(directive, runeText(value));
    case 'q':
      return padded(
        directive,
        `'${runeText(value) === "'" ? "\\'" : quotedRune(runeText(value), 'unicode').replace('\\"', '"')}'`,
      );
    case 'U':
      return padded(directive, `U+${hex(value, 4).toUpperCase()}`);
    default:
      return undefined;
  }
}

function runeText(value: number): string {
  return value >= 0 && value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff)
    ? String.fromCodePoint(value)
    : '\ufffd';
}

function integer(directive: Directive, value: number, radix: number, prefix: string): string {
  const { flags, precision, width } = directive;
  if (precision === 0 && value === 0) {
    return padded({ ...directive, precision: null }, '');
  }
  const digits = Math.abs(value).toString(radix);
  const sign = signOf(value < 0, flags);
  const start =
    flags.includes('#') && !(radix === 8 && digits.startsWith('0') && prefix === '0') ? prefix : '';
  const zeros = precision ?? (flags.includes('0') && !flags.includes('-') ? (width ?? 0) - sign.length : 0);
  return padded(
    { flags: flags.replaceAll('0', ''), width, precision: null, verb: 'd' },
    sign + start + digits.padStart(zeros, '0'),
  );
}

function floatText(directive: Directive, value: number): string | undefined {
  const { flags } = directive;
  const digits = floatDigits(directive, Math.abs(value));
  if (digits === undefined) {
    return undefined;
  }
  const sign = signOf(value < 0 || Object.is(value, -0), flags);
  const room = (directive.width ?? 0) - sign.length;
  const filled = flags.includes('0') && !flags.includes('-') ? digits.padStart(room, '0') : digits;
  return padded({ ...directive, flags: flags.replaceAll('0', ''), precision: null }, sign + filled);
}

function floatDigits({ verb, precision }: Directive, value: number): string | undefined {
  switch (verb) {
    case 'v':
    case 'g':
    case 'G': {
      const text = precision === null ? formatFloat(value) : general(value, precision);
      return verb === 'G' ? text.toUpperCase() : text;
    }
    case 'f':
    case 'F':
      return fixed(value, precision ?? 6);
    case 'e':
    case 'E': {
      const [digits = '', power] = value.toExponential(Math.min(precision ?? 6, 100)).split('e');
      const text = withExponent(digits, Number(power));
      return verb === 'E' ? text.toUpperCase() : text;
    }
    default:
      return undefined;
  }
}

/** `%.3g`: so many digits in all, without zeros at the end. */
function general(value: number, precision: number): string {
  const [digits = '', exponent] = value.toExponential(Math.min(Math.max(precision, 1), 100) - 1).split('e');
  const power = Number(exponent);
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
  if (power < -4 || power >= Math.max(precision, 1)) {
    return withExponent(short, power);
  }
  const text = value.toFixed(Math.max(0, Math.max(precision, 1) - 1 - power));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** `toFixed` writes an exponent from 1e21 on, where every number is whole. */
function fixed(value: number, places: number): string {
  if (value < 1e21) {
    return value.toFixed(Math.min(places, 100));
  }
  return BigInt(value).toString() + (places > 0 ? `.${'0'.repeat(places)}` : '');
}

function signOf(isNegative: boolean, flags: string): string {
  return isNegative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
}

/** Go counts characters, and fills with zeros also before texts. */
function padded({ flags, width }: Directive, text: string): string {
  const missing = (width ?? 0) - [...text].length;
  if (missing <= 0) {
    return text;
  }
  return flags.includes('-')
    ? text + ' '.repeat(missing)
    : (flags.includes('0') ? '0' : ' ').repeat(missing) + text;
}
