import { parse } from 'smol-toml';
import { UsageError } from '../../errors.ts';

/** The table that a TOML text holds. Throws a `UsageError` with file and line. */
export function readToml(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    const { message, line } = error as { message: string; line?: number };
    const place = line === undefined ? file : `${file}, line ${line}`;
    throw new UsageError(`reading ${place}: ${message.split('\n')[0] ?? ''}`, {
      hint: 'confd refuses such a file too.',
    });
  }
}

/** A table inside of a table, or an empty one. */
export function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** A text or a number as it would be written; undefined for anything else. */
export function wordOf(value: unknown): string | undefined {
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'bigint'
      ? String(value)
      : undefined;
}

/** A list of texts; one text is a list of one. */
export function wordsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((one) => wordOf(one) ?? []);
}
