import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { SystemError } from '../errors.ts';
import { whatWouldLet } from '../system/denied.ts';
import { ourUser } from '../system/our-user.ts';

/** The form of the files; another one is not read. */
const VERSION = 1;
/** So many rows are written as text before others get their turn. */
const AT_ONCE = 1000;

/** What a state file holds: a few facts, and rows. */
export interface StateFile {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly rows: readonly unknown[];
}

/** What was found where a state file should be. */
export type FoundState =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'good' } & StateFile)
  /** `why` in a few words, for people. */
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Writes a file of Pointsman's own: a header line with version and checksum, then a line of JSON per row. Atomic
 * (temporary file, fsync, rename, fsync of the folder), for the owner alone, and in small steps: others get their
 * turn in between. One writer per path at a time. Throws a `SystemError`.
 */
export async function writeState(file: string, what: string, { meta, rows }: StateFile): Promise<void> {
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
  const header = { pointsman: what, version: VERSION, rows: rows.length, sha256: sum.digest('hex'), meta };
  const temp = `${file}.new`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o750 });
    {
      await using handle = await open(temp, 'w', 0o600);
      await handle.writeFile([`${JSON.stringify(header)}\n`, ...parts].join(''));
      await handle.sync();
    }
    await rename(temp, file);
    await using folder = await open(path.dirname(file), 'r');
    await folder.sync();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const isDenied = (error as NodeJS.ErrnoException).code === 'EACCES';
    throw new SystemError(`writing ${file}: ${reason}`, {
      hint: isDenied ? whatWouldLet('write', file) : `Give stateDir to ${ourUser()}, with some space left.`,
      cause: error,
    });
  }
}

/** Reads what `writeState` wrote. Never throws: what cannot be read is `broken`. */
export async function readState(file: string, what: string): Promise<FoundState> {
  try {
    const text = await readFile(file, 'utf8');
    const end = text.indexOf('\n');
    const header: unknown = JSON.parse(text.slice(0, end));
    if (!isHeader(header) || header.pointsman !== what) {
      return broken('it is no such file');
    }
    if (header.version !== VERSION) {
      return broken(`it is of version ${header.version}, and not ${VERSION}`);
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

function broken(why: string): FoundState {
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
