import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { explainFileError } from '../system/file-error.ts';
import type { LedgerEntry, LedgerQuery, LedgerReader } from './ledger-entry.ts';
import {
  diffIn,
  entryOf,
  firstIn,
  hashOfText,
  LEDGER_FOLDER,
  LEDGER_VERSION,
  looksLikeEntry,
  readLine,
  type StoredEntry,
  segmentName,
  unpack,
} from './lines.ts';
import { applyDiff, linesOf } from './text-diff.ts';

/** So many entries are shown, however many more lie in the segment of the oldest. */
export const MOST_ENTRIES = 1000;
const DEFAULT_LIMIT = 20;

/** A text as it was. */
export interface LedgerText {
  readonly hash: string;
  readonly text: string;
}

/** Reads the ledger of a state folder, with the texts of its entries. */
export interface LedgerFiles extends LedgerReader {
  /** The text that an entry wanted, and the one before it, rebuilt and checked by their hashes; null where that cannot be. */
  textOf(number: number, which?: 'wanted' | 'before'): Promise<LedgerText | null>;
}

/** Reads it with or without a daemon: what is appended meanwhile is seen at the next call. */
export function readLedger(stateDir: string): LedgerFiles {
  const folder = path.join(stateDir, LEDGER_FOLDER);
  return {
    async history(query) {
      const found: LedgerEntry[] = [];
      for await (const entry of newestFirst(folder, query)) {
        found.push(entryOf(entry, query.diffs ?? false));
        if (found.length >= Math.min(query.limit ?? DEFAULT_LIMIT, MOST_ENTRIES)) {
          break;
        }
      }
      return found;
    },
    async entry(number) {
      for await (const entry of newestFirst(folder, { from: number + 1 })) {
        return entry.number === number ? entryOf(entry, true) : null;
      }
      return null;
    },
    async textOf(number, which = 'wanted') {
      const firsts = await segmentsIn(folder).catch(() => []);
      const first = firsts.findLast((one) => one <= number);
      return first === undefined ? null : rebuild(await readable(folder, first), { number, which });
    },
  };
}

/** Throws a `SystemError` where a ledger is there and cannot be read: it is not an empty one. */
export async function refuseUnreadable(stateDir: string): Promise<void> {
  const folder = path.join(stateDir, LEDGER_FOLDER);
  try {
    for (const first of await segmentsIn(folder)) {
      await access(path.join(folder, segmentName(first)), constants.R_OK);
    }
  } catch (error) {
    throw explainFileError(error, `reading the ledger in ${folder}`, 'read');
  }
}

/** The first numbers of the segments, in order; none where there is no folder. Throws where it cannot be read. */
export async function segmentsIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch(unlessGone([]));
  return names.flatMap((name) => firstIn(name) ?? []).sort((a, b) => a - b);
}

/**
 * The lines of a segment, but for one that is not written to its end (yet); none where the segment is gone. Throws where
 * it cannot be read: what is in it is not known then.
 */
export async function linesIn(folder: string, first: number): Promise<readonly string[]> {
  const text = await readFile(path.join(folder, segmentName(first)), 'utf8').catch(unlessGone(''));
  return text.split('\n').slice(0, -1);
}

function unlessGone<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') {
      return instead;
    }
    throw error;
  };
}

/** The same for who only shows them: none where it cannot be read. */
function readable(folder: string, first: number): Promise<readonly string[]> {
  return linesIn(folder, first).catch(() => []);
}

/** Whether a newer Pointsman wrote these lines. */
export function areNewer(lines: readonly string[]): boolean {
  const head = readLine(lines[0] ?? '');
  return head !== null && 'version' in head && head.version > LEDGER_VERSION;
}

async function* newestFirst(folder: string, query: LedgerQuery): AsyncGenerator<StoredEntry> {
  const { from = Number.POSITIVE_INFINITY } = query;
  let newest: number | null = null;
  const firsts = await segmentsIn(folder).catch(() => []);
  for (const first of firsts.toReversed()) {
    if (first >= from && newest !== null) {
      continue;
    }
    const lines = await readable(folder, first);
    for (const text of areNewer(lines) ? [] : lines.toReversed()) {
      const line = looksLikeEntry(text) ? readLine(text) : null;
      if (!line || !('number' in line)) {
        continue;
      }
      newest ??= line.number;
      const isOld = query.since !== undefined && Date.parse(line.time) < query.since;
      if (isOld || line.number <= newest - MOST_ENTRIES) {
        return;
      }
      if (line.number < from && fits(line, query)) {
        yield line;
      }
    }
  }
}

function fits({ services, keys }: StoredEntry, { service, key }: LedgerQuery): boolean {
  return (service === undefined || services.includes(service)) && (key === undefined || keys.includes(key));
}

/** Where a text comes from: all of it, or a diff from another one. */
type Origin = { readonly gz: string } | { readonly before: string; readonly diff: string };

function rebuild(
  lines: readonly string[],
  { number, which }: { readonly number: number; readonly which: 'wanted' | 'before' },
): LedgerText | null {
  const origins = new Map<string, Origin>();
  for (const text of lines) {
    const line = readLine(text);
    if (line && 'base' in line) {
      origins.set(line.base, { gz: line.gz });
    } else if (line && 'number' in line) {
      const { before, hash, files } = line;
      const [file] = files;
      if (file && before !== null && hash !== null && origins.has(before) && !origins.has(hash)) {
        origins.set(hash, { before, diff: diffIn(file) });
      }
      if (line.number === number) {
        const wished = which === 'wanted' ? hash : before;
        return wished === null ? null : textFrom(origins, wished);
      }
    }
  }
  return null;
}

function textFrom(origins: ReadonlyMap<string, Origin>, hash: string): LedgerText | null {
  const diffs: string[] = [];
  let origin = origins.get(hash);
  while (origin && 'diff' in origin) {
    diffs.push(origin.diff);
    origin = origins.get(origin.before);
  }
  let lines: string[] | null = origin ? linesOf(unpack(origin.gz)) : null;
  for (const diff of diffs.reverse()) {
    lines = lines && applyDiff(lines, diff);
  }
  const text = lines?.join('');
  return text !== undefined && hashOfText(text) === hash ? { hash, text } : null;
}
