import type { GoType } from './types.ts';

/** An expression of nunjucks'. */
export interface Code {
  readonly text: string;
  readonly type: GoType;
  /** `sum`: needs brackets before anything is put beside it. */
  readonly form: 'simple' | 'sum';
  /** Whether it names a field that may not be there. */
  readonly mayMiss: boolean;
  /** The text itself, where it is a constant. */
  readonly constant: string | null;
  /** What to ask instead, where only its truth matters. */
  readonly condition: string | null;
}

const NOTHING_SPECIAL = { mayMiss: false, constant: null, condition: null } as const;
/** In quotes nunjucks' compiler here takes these for a mistake where they become text. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/;

/** An expression that stands for itself: a name, a call, something in brackets. */
export function simple(text: string, type: GoType, more: Partial<Code> = {}): Code {
  return { text, type, form: 'simple', ...NOTHING_SPECIAL, ...more };
}

/** An expression of several parts with operators between them. */
export function sum(text: string, type: GoType, more: Partial<Code> = {}): Code {
  return { text, type, form: 'sum', ...NOTHING_SPECIAL, ...more };
}

/** A text in quotes, as nunjucks reads it. */
export function quoted(value: string): string {
  const escaped = value
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `"${escaped}"`;
}

/** A constant text. */
export function textCode(value: string): Code {
  const text = quoted(value);
  return simple(CONTROL.test(value) ? `go.text(${text})` : text, 'string', { constant: value });
}

/** As an operand of something greater. */
export function operand(code: Code): string {
  return code.form === 'sum' ? `(${code.text})` : code.text;
}

/** Where what is missing has to be nil, and not an error. */
export function orNil(code: Code): string {
  return code.mayMiss ? `${operand(code)} | default(none)` : code.text;
}

/** The same beside others. */
export function orNilOperand(code: Code): string {
  return code.mayMiss ? `(${orNil(code)})` : operand(code);
}

/** `a.b`, or `a["b"]` where nunjucks reads a word as something else. */
export function member(target: string, name: string): string {
  return /^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name) && !/^(?:true|false|none|null)$/.test(name)
    ? `${target}.${name}`
    : `${target}[${quoted(name)}]`;
}
