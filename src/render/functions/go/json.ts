import { findControlCharacters } from '../../control-characters.ts';
import { Fault } from '../../site.ts';
import { describe, isPlainObject } from '../../values.ts';
import { text } from '../arguments.ts';
import { compareBytes, goFloat, goValue, withExponent } from './values.ts';

/** What a JSON text holds, with its numbers as Go has them: float64. Throws a `Fault`, also for control characters. */
export function parseGoJson(name: string, value: unknown): unknown {
  const source = text(value, 'the JSON');
  let parsed: unknown;
  try {
    parsed = JSON.parse(source, (_, item) => (typeof item === 'number' ? goFloat(item) : item));
  } catch (error) {
    throw new Fault(
      `${describe(source)} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const bad = findControlCharacters(parsed);
  if (bad !== null) {
    throw new Fault(
      `what ${name} gives${bad === '' ? '' : `, at ${bad},`} holds a line break or a control character`,
      'where that is meant, keep the text as it is in a key of its own and take it by getRaw',
    );
  }
  return parsed;
}

/** confd's `json`: an object; `null` is one without fields. */
export function goJsonObject(value: unknown): unknown {
  const parsed = parseGoJson('json', value) ?? {};
  if (!isPlainObject(parsed)) {
    throw new Fault(`the JSON must be an object, not ${describe(parsed)}`);
  }
  return parsed;
}

/** confd's `jsonArray`: a list; `null` is one without items. */
export function goJsonArray(value: unknown): unknown {
  const parsed = parseGoJson('jsonArray', value) ?? [];
  if (!Array.isArray(parsed)) {
    throw new Fault(`the JSON must be a list, not ${describe(parsed)}`);
  }
  return parsed;
}

/** Go's `json.Marshal`: keys in order, `<`, `>` and `&` escaped. With `indent`, as `MarshalIndent`. */
export function goToJson(value: unknown, indent: string): string {
  return written(value, indent, '');
}

function written(value: unknown, indent: string, margin: string): string {
  const of = goValue(value);
  switch (of.kind) {
    case 'nil':
      return 'null';
    case 'string':
      return jsonText(of.value);
    case 'float':
      return jsonFloat(of.value);
    case 'list':
      return bracketed(
        '[]',
        of.value.map((item) => (inner: string) => written(item, indent, inner)),
        indent,
        margin,
      );
    case 'map':
      return fields(of.value, indent, margin);
    case 'pair':
      return fields({ Key: of.key, Value: of.value }, indent, margin);
    default:
      return String(of.value);
  }
}

function fields(map: Readonly<Record<string, unknown>>, indent: string, margin: string): string {
  const colon = indent === '' ? ':' : ': ';
  const all = Object.keys(map)
    .sort(compareBytes)
    .map((key) => (inner: string) => `${jsonText(key)}${colon}${written(map[key], indent, inner)}`);
  return bracketed('{}', all, indent, margin);
}

function bracketed(
  brackets: '[]' | '{}',
  items: readonly ((margin: string) => string)[],
  indent: string,
  margin: string,
): string {
  const [open, close] = brackets;
  if (indent === '' || items.length === 0) {
    return `${open}${items.map((item) => item('')).join(',')}${close}`;
  }
  const inner = margin + indent;
  return `${open}\n${items.map((item) => inner + item(inner)).join(',\n')}\n${margin}${close}`;
}

function jsonText(value: string): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029\u007f]|\\[bf]/g, (found) =>
    found === '\u007f'
      ? found
      : `\\u${(found === '\\b' ? 8 : found === '\\f' ? 12 : found.charCodeAt(0)).toString(16).padStart(4, '0')}`,
  );
}

function jsonFloat(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-6 || size >= 1e21)) {
    const [digits = '', power = '0'] = value.toExponential().split('e');
    // As Go: e-09 becomes e-9.
    return withExponent(digits, Number(power)).replace(/e-0(\d)$/, 'e-$1');
  }
  return String(value);
}
