import { hash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { FileChange, LedgerEntry } from './ledger-entry.ts';

/** A whole text, that the diffs after it are from. */
export interface Base {
  readonly base: string;
  /** The text, gzip and base64. */
  readonly gz: string;
}

/** A file's change as it is written: a long diff is packed. */
export type StoredChange = Omit<FileChange, 'diff'> & ({ readonly diff: string } | { readonly gz: string });

/** An entry as it is written. */
export type StoredEntry = Omit<LedgerEntry, 'files'> & { readonly files: readonly StoredChange[] };

/** A line of a segment. */
export type Line = { readonly version: number } | Base | StoredEntry;

/** The form of the segments; an older Pointsman leaves newer ones alone. */
export const LEDGER_VERSION = 1;

/** The hash of a text, as the mark has it. Without the memory of `plan/mark.ts`: that is for the texts of a pass. */
export function hashOfText(text: string): string {
  return hash('sha256', text).slice(0, 16);
}

/** A line for the file: its checksum, and JSON. */
export function writeLine(line: Line): string {
  const json = JSON.stringify(line);
  return `${hashOfText(json)} ${json}\n`;
}

const LINE = /^[0-9a-f]{16} \{/;

/** Null where it is broken. */
export function readLine(text: string): Line | null {
  if (!LINE.test(text) || hashOfText(text.slice(17)) !== text.slice(0, 16)) {
    return null;
  }
  return JSON.parse(text.slice(17)) as Line;
}

/** Whether a line is an entry, as far as is seen without reading it: bases are long. */
export function looksLikeEntry(text: string): boolean {
  return text.startsWith('{"number":', 17);
}

/** The number that a line says, broken or not; 0 for none. */
export function numberIn(text: string): number {
  return Number(/^[0-9a-f]{16} \{"number":(\d+),/.exec(text)?.[1] ?? 0);
}

/** The diff of a change. */
export function diffIn(change: StoredChange): string {
  return 'gz' in change ? unpack(change.gz) : change.diff;
}

/** What `gz` of a line holds. */
export function unpack(gz: string): string {
  return gunzipSync(Buffer.from(gz, 'base64')).toString('utf8');
}

/** The entry as it is given to others. */
export function entryOf({ files, ...entry }: StoredEntry, diffs: boolean): LedgerEntry {
  return {
    ...entry,
    files: files.map((one) => {
      const { name, added, removed } = one;
      return { name, added, removed, diff: diffs ? diffIn(one) : null };
    }),
  };
}

const NAME = /^(\d{10})\.ledger$/;

/** Where segments lie. */
export const LEDGER_FOLDER = 'history';

/** The name of the segment that begins with this number. */
export function segmentName(first: number): string {
  return `${String(first).padStart(10, '0')}.ledger`;
}

/** The number that a segment begins with; null for another file. */
export function firstIn(name: string): number | null {
  const found = NAME.exec(name)?.[1];
  return found === undefined ? null : Number(found);
}
