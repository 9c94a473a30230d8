import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { SystemError } from '../errors.ts';
import type { StateFile } from '../ports/stores.ts';
import { explainFileError } from '../system/file-error.ts';
import { readText } from '../system/read-text.ts';
import type { Text } from '../system/temp-file.ts';
import { type WriteOptions, writeWhole } from '../system/write-whole.ts';

/** Writes a file of `stateDir`, and makes that where it is not there. Throws a `SystemError`. */
export async function writeStateFile(file: string, text: Text, options: WriteOptions = {}): Promise<void> {
  const doing = `writing ${file}`;
  const write = () => writeWhole(file, text, { mode: 0o640, doing, ...options });
  try {
    await write();
  } catch (error) {
    if (!(error instanceof SystemError && codeOf(error.cause) === 'ENOENT')) {
      throw error;
    }
    await mkdir(path.dirname(file), { recursive: true, mode: 0o750 }).catch((inner: unknown) => {
      throw explainFileError(inner, doing);
    });
    await write();
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Removes one; fine where it is gone. Throws a `SystemError`. */
export async function removeStateFile(file: string): Promise<void> {
  await rm(file, { force: true }).catch((error: unknown) => {
    throw explainFileError(error, `removing ${file}`);
  });
}

/** A file of `stateDir` that is read and written as one text. */
export function createStateFile(
  stateDir: string,
  name: string,
  outlives: WriteOptions['outlives'] = 'power cut',
): StateFile {
  const file = path.join(stateDir, name);
  return {
    path: file,
    read: () => readText(file),
    write: (text) => writeStateFile(file, text, { outlives }),
  };
}

/** The version of files of rows; another one is not read. */
export const ROWS_VERSION = 1;
/** So many rows are written as text before others get their turn. */
const AT_ONCE = 1000;

/** What a state file holds: a few facts, and rows. */
export interface StateRows {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly rows: readonly unknown[];
}

/** What was found where a state file should be. */
export type FoundRows =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'good' } & StateRows)
  /** `why` in a few words, for people. */
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Writes rows: a header line with version and checksum, then a line of JSON per row. For the owner alone, and in small
 * steps: others get their turn in between. Throws a `SystemError`.
 */
export async function writeRows(file: string, what: string, { meta, rows }: StateRows): Promise<void> {
  const sum = createHash('sha256').update(JSON.stringify(meta));
  const parts: string[] = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const part = rows
      .slice(at, at + AT_ONCE)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('');
    sum.update(part);
    parts.push(part);
    await breathe();
  }
  const header = {
    pointsman: what,
    version: ROWS_VERSION,
    rows: rows.length,
    sha256: sum.digest('hex'),
    meta,
  };
  await writeStateFile(file, [`${JSON.stringify(header)}\n`, ...parts], { mode: 0o600 });
}

/** Reads what `writeRows` wrote. Never throws: what cannot be read is `broken`. */
export async function readRows(file: string, what: string): Promise<FoundRows> {
  try {
    const text = await readFile(file, 'utf8');
    const end = text.indexOf('\n');
    const header: unknown = JSON.parse(text.slice(0, end));
    if (!isHeader(header) || header.pointsman !== what) {
      return broken('it is no such file');
    }
    if (header.version !== ROWS_VERSION) {
      return broken(`it is of version ${header.version}, and not ${ROWS_VERSION}`);
    }
    const body = text.slice(end + 1);
    const sum = createHash('sha256').update(JSON.stringify(header.meta)).update(body).digest('hex');
    if (sum !== header.sha256) {
      return broken('its checksum is wrong');
    }
    const rows = body === '' ? [] : body.trimEnd().split('\n');
    return { kind: 'good', meta: header.meta, rows: rows.map((row): unknown => JSON.parse(row)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { kind: 'absent' };
    }
    return broken(error instanceof Error ? error.message : String(error));
  }
}

function broken(why: string): FoundRows {
  return { kind: 'broken', why };
}

interface Header {
  readonly pointsman: string;
  readonly version: unknown;
  readonly sha256: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
}

function isHeader(value: unknown): value is Header {
  return typeof value === 'object' && value !== null && 'meta' in value && typeof value.meta === 'object';
}
