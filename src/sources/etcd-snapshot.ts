import { compare, type Entry } from '../model/entry.ts';
import { type Limits, refuse, tooLarge } from '../model/limits.ts';
import { OldestEntries } from '../model/oldest-entries.ts';
import type { KeyValue, Standing } from './etcd-answers.ts';
import type { EtcdConnection } from './etcd-client.ts';
import { DeniedError } from './etcd-denied.ts';
import { type PagesOptions, pages } from './etcd-pages.ts';
import { bounds, type KeyRange, named } from './key-ranges.ts';
import { notUtf8, textOf } from './utf8-text.ts';

/** So much of a value that is dropped is kept, to show it. */
const HEAD = 200;
/** How the keys of a source are read. */
export interface Reading {
  /** The place of the source in the settings. */
  readonly index: number;
  readonly limits?: Limits | undefined;
}

/** Everything in some ranges at one revision; of what is far beyond the limits the youngest keys are left out. */
export interface EtcdSnapshot {
  readonly entries: readonly Entry[];
  readonly revision: bigint;
  readonly clusterId: string | null;
  /** The ranges that this user may read. */
  readonly ranges: readonly KeyRange[];
  /** The prefixes of which he may read nothing. */
  readonly refused: readonly string[];
}

export interface SnapshotOptions extends Reading, PagesOptions {}

/**
 * Reads all ranges at one revision, in pages: a whole answer may be larger than a message may be. When the
 * revision is compacted under way, starts again. However much is there, not much more than the limits allow is held.
 */
export async function readSnapshot(
  connection: EtcdConnection,
  wanted: readonly KeyRange[],
  { signal, patience, ...reading }: SnapshotOptions,
): Promise<EtcdSnapshot> {
  for (let tries = 1; ; tries++) {
    try {
      const { ranges, revision, ...more } = await allowedRanges(connection, wanted, signal);
      const oldest = new OldestEntries(reading.limits);
      for (const range of ranges) {
        for await (const page of pages(connection, { range, revision }, { patience, signal })) {
          for (const kv of page) {
            oldest.add(toEntry(kv, reading));
          }
        }
      }
      patience.finished();
      return { entries: oldest.entries, revision, ranges, ...more };
    } catch (error) {
      if (tries === 10 || !String(error).includes('has been compacted')) {
        throw error;
      }
    }
  }
}

/**
 * Asks whether each range may be read: this shows which ones the user may read (often `/key/` is granted and `/key`
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

async function allowed(
  connection: EtcdConnection,
  range: KeyRange,
  signal: AbortSignal,
): Promise<Standing | null> {
  try {
    return await connection.mayRead(bounds(range), signal);
  } catch (error) {
    if (String(error).includes('permission denied')) {
      return null;
    }
    throw error;
  }
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
