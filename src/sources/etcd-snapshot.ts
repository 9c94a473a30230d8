import { SourceError } from '../errors.ts';
import { compare, type Entry } from '../model/entry.ts';
import { type Limits, refuse, tooLarge } from '../model/limits.ts';
import type { KeyValue, RangeAnswer } from './etcd-answers.ts';
import type { EtcdConnection } from './etcd-client.ts';
import { DeniedError } from './etcd-denied.ts';
import type { PagePatience } from './etcd-patience.ts';
import { isWithin, type KeyRange } from './key-ranges.ts';
import { notUtf8, textOf } from './utf8-text.ts';

/** So much of a value that is dropped is kept, to show it. */
const HEAD = 200;
/** A full read may be so many times larger than the limits. */
const MANY = 4;

/** A store holds many times what the limits allow. */
export class SurfeitError extends SourceError {}

/** How the keys of a source are read. */
export interface Reading {
  /** The place of the source in the settings. */
  readonly index: number;
  readonly limits?: Limits | undefined;
}

/** Everything in some ranges at one revision. */
export interface EtcdSnapshot {
  readonly entries: readonly Entry[];
  readonly revision: bigint;
  readonly clusterId: string | null;
  /** The ranges that this user may read. */
  readonly ranges: readonly KeyRange[];
  /** The prefixes of which he may read nothing. */
  readonly refused: readonly string[];
}

export interface SnapshotOptions extends Reading {
  readonly patience: PagePatience;
  readonly signal: AbortSignal;
}

/**
 * Reads all ranges at one revision, in pages: a whole answer may be larger than a message may be. When the
 * revision is compacted under way, starts again.
 */
export async function readSnapshot(
  connection: EtcdConnection,
  wanted: readonly KeyRange[],
  { signal, patience, ...reading }: SnapshotOptions,
): Promise<EtcdSnapshot> {
  for (let tries = 1; ; tries++) {
    try {
      const { ranges, revision, ...more } = await allowedRanges(connection, wanted, signal);
      const entries: Entry[] = [];
      let size = 0;
      for (const range of ranges) {
        for await (const kv of pages(connection, { range, revision }, { patience, signal })) {
          const entry = toEntry(kv, reading);
          size += entry.key.length + entry.value.length;
          entries.push(entry);
          checkSize(entries.length, size, reading.limits);
        }
      }
      patience.finished();
      return { entries, revision, ranges, ...more };
    } catch (error) {
      if (tries === 10 || !String(error).includes('has been compacted')) {
        throw error;
      }
    }
  }
}

/**
 * Asks each range for one key: this shows which ones the user may read (often `/key/` is granted and `/key`
 * itself is not, or the other way round), and that the member has caught up, as the answer needs a quorum.
 *
 * @throws DeniedError where nothing at all may be read.
 */
export async function allowedRanges(
  connection: EtcdConnection,
  wanted: readonly KeyRange[],
  signal: AbortSignal,
): Promise<Omit<EtcdSnapshot, 'entries'>> {
  const answers = await Promise.all(wanted.map((range) => allowed(connection, range, signal)));
  const ranges = wanted.filter((_, place) => answers[place] !== null);
  const given = answers.filter((answer) => answer !== null);
  const readable = new Set(ranges.map(({ prefix }) => prefix));
  const refused = [...new Set(wanted.map(({ prefix }) => prefix))].filter((prefix) => !readable.has(prefix));
  // The lowest of the answers' revisions: all of them know it, and it cannot be compacted yet.
  const oldest = given.sort((a, b) => compare(a.revision, b.revision))[0];
  if (!oldest) {
    throw new DeniedError(refused.map(named), connection.user);
  }
  const { revision, clusterId } = oldest;
  return { ranges, revision, clusterId, refused: refused.map(named) };
}

/** A prefix as the settings name it. */
function named(prefix: string): string {
  return prefix === '' ? '/' : prefix;
}

async function allowed(
  connection: EtcdConnection,
  range: KeyRange,
  signal: AbortSignal,
): Promise<RangeAnswer | null> {
  try {
    return await connection.ask({ ...bounds(range), limit: 1, keys_only: true }, signal);
  } catch (error) {
    if (String(error).includes('permission denied')) {
      return null;
    }
    throw error;
  }
}

async function* pages(
  connection: EtcdConnection,
  { range, revision }: { readonly range: KeyRange; readonly revision: bigint },
  { patience, signal }: Pick<SnapshotOptions, 'patience' | 'signal'>,
): AsyncGenerator<KeyValue> {
  let start = range.start;
  let limit = patience.keys;
  for (;;) {
    // Serializable: the revision is fixed and this member has it, so no quorum is needed again.
    const request = { ...bounds(range), key: start, limit, revision: String(revision), serializable: true };
    let page: RangeAnswer;
    try {
      const asked = performance.now();
      page = await connection.page(request, patience.milliseconds, signal);
      patience.came(performance.now() - asked);
    } catch (error) {
      if (/deadline.exceeded/i.test(String(error))) {
        patience.stayedAway();
      }
      if (String(error).includes('permission denied')) {
        throw new DeniedError([named(range.prefix)], connection.user);
      }
      if (limit === 1 || !String(error).includes('larger than max')) {
        throw error;
      }
      limit = Math.ceil(limit / 8);
      continue;
    }
    const { kvs, more } = page;
    const [first, last] = [kvs[0], kvs.at(-1)];
    const foreign = first && last && (Buffer.compare(first.key, start) < 0 || !isWithin(range, last.key));
    if (foreign) {
      throw new SourceError("its answer to a read is not etcd's: it holds keys that were not asked for");
    }
    yield* kvs;
    if (!more || !last) {
      return;
    }
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** The bounds of a range as etcd's requests name them. */
export function bounds(range: KeyRange): { key: Buffer; range_end?: Buffer } {
  return range.end === null ? { key: range.start } : { key: range.start, range_end: range.end };
}

/**
 * One key of etcd. Bytes that are no UTF-8 are no text that a template could have, and are refused by name. A value
 * beyond the limits is dropped at once, so that it costs no memory.
 */
export function toEntry({ key, value, created, modified }: KeyValue, { index, limits }: Reading): Entry {
  const large = limits !== undefined && value.length > limits.valueBytes;
  const bytes = noText('key', key) ?? (large ? undefined : noText('value', value));
  const whole = !large && bytes === undefined;
  const entry: Entry = {
    key: textOf(key),
    value: whole ? value.toString('utf8') : textOf(value.subarray(0, HEAD)),
    source: index,
    created,
    modified,
  };
  const reason = large ? tooLarge(entry, limits, value.length) : bytes;
  return reason === undefined ? entry : refuse(entry, reason);
}

function noText(what: string, bytes: Buffer): string | undefined {
  const found = notUtf8(bytes);
  return found ? `the ${what} is no UTF-8: it has the byte ${found.byte} at place ${found.at}` : undefined;
}

/**
 * A full read is held whole before its older keys can be told from the younger. One that is many times what the limits
 * allow is given up, so that the memory stays bounded: what was read before still holds.
 */
function checkSize(keys: number, size: number, limits: Limits | undefined): void {
  if (!limits || (keys <= limits.keys * MANY && size <= limits.totalBytes * MANY)) {
    return;
  }
  throw new SurfeitError(
    `the prefixes hold more than ${MANY} times what limits.keys and limits.totalBytes allow`,
    {
      hint: 'delete what does not belong there, or raise the limits; until then the keys that were read before stay',
    },
  );
}
