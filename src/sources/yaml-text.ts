import { visibleLines, visibleQuoted } from '../model/visible.ts';

/** Plain in every place that we write to, and without a `:` or `-` that could mean something. */
const PLAIN = /^[A-Za-z0-9_./][A-Za-z0-9_.:/@%+=-]*$/;
const NULL = /^(null|Null|NULL)$/;
/** What we or another reader of YAML would take for no string in a JSON value; addresses are safe. */
const NO_STRING = /^(true|True|TRUE|false|False|FALSE|[\d.][\dA-Fa-fox_.-]*)$/;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;
/** An implicit key of YAML must end within 1,024 characters. */
const LONGEST_KEY = 1_000;

/** A key with its colon, quoted where needed. */
export function keyText(key: string, indent: string): string {
  const text = isPlain(key) ? key : quoted(key);
  return text.length > LONGEST_KEY ? `? ${text}\n${indent}:` : `${text}:`;
}

/** A value of the tree: plain, a block of lines, or quoted. */
export function valueText(value: string, indent: string): string {
  if (isPlain(value)) {
    return value;
  }
  if (!isBlock(value)) {
    return quoted(value);
  }
  const lines = value.replace(/\n$/, '').split('\n');
  const body = lines.map((line) => (line === '' ? '' : `${indent}  ${line}`)).join('\n');
  return `${value.endsWith('\n') ? '|' : '|-'}\n${body}`;
}

/** The lines of a JSON object as a YAML map, or null where it would not read back byte by byte. */
export function jsonFields(value: string, indent: string): string[] | null {
  const parsed = parseObject(value);
  if (parsed === null || Object.keys(parsed).length === 0) {
    return null;
  }
  if (JSON.stringify(parsed) !== value || hasNull(parsed)) {
    return null;
  }
  return Object.entries(parsed).map(([key, field]) => `${indent}${keyText(key, indent)} ${flow(field)}`);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !text.endsWith(':') && !NULL.test(text) && !text.startsWith('...');
}

/** Texts of several lines that need no escape, and whose indentation YAML cannot misjudge. */
function isBlock(text: string): boolean {
  return (
    /^[!-~]/.test(text) &&
    /^[ -~\u00a1-\ud7ff\n]*$/.test(text) &&
    visibleLines(text) === text &&
    text.includes('\n') &&
    !/\n\n$| (\n|$)/.test(text)
  );
}

/** JSON's strings are YAML's double-quoted ones, but for characters that YAML wants escaped, or that nobody sees. */
function quoted(text: string): string {
  return visibleQuoted(JSON.stringify(text), 'long');
}

function parseObject(value: string): Record<string, unknown> | null {
  if (!value.startsWith('{')) {
    return null;
  }
  try {
    return JSON.parse(value) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function hasNull(value: unknown): boolean {
  if (value === null) {
    return true;
  }
  return typeof value === 'object' && Object.values(value).some(hasNull);
}

/** A field in one line. In flow style a plain `:` or `,` could mean something, so strings stay simple. */
function flow(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(flow).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, field]) => `${isPlainInFlow(key) ? key : quoted(key)}: ${flow(field)}`,
    );
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  if (typeof value !== 'string') {
    return JSON.stringify(value);
  }
  return isPlainInFlow(value) && (IPV4.test(value) || !NO_STRING.test(value)) ? value : quoted(value);
}

function isPlainInFlow(text: string): boolean {
  return isPlain(text) && !text.includes(':');
}
