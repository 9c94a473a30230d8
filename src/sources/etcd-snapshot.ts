import type { IKeyValue, IRangeResponse } from 'etcd3';
import { SourceError } from '../errors.ts';
import { compare, type Entry } from '../model/entry.ts';
import type { EtcdConnection } from './etcd-client.ts';
import type { KeyRange } from './key-ranges.ts';

const PAGE = 1_000;

/** Everything in some ranges at one revision. */
export interface EtcdSnapshot {
  readonly entries: readonly Entry[];
  readonly revision: bigint;
  readonly clusterId: string;
  /** The ranges that this user may read. */
  readonly ranges: readonly KeyRange[];
}

/**
 * Reads all ranges at one revision, in pages: a whole answer may be larger than a message may be. When the
 * revision is compacted under way, starts again.
 */
export async function readSnapshot(
  connection: EtcdConnection,
  wanted: readonly KeyRange[],
  { index, signal }: { readonly index: number; readonly signal: AbortSignal },
): Promise<EtcdSnapshot> {
  for (let tries = 1; ; tries++) {
    try {
      const { ranges, revision, clusterId } = await allowedRanges(connection, wanted, signal);
      const entries: Entry[] = [];
      for (const range of ranges) {
        for await (const kv of pages(connection, { range, revision, signal }))
          entries.push(toEntry(kv, index));
      }
      return { entries, revision, clusterId, ranges };
    } catch (error) {
      if (tries === 10 || !String(error).includes('has been compacted')) throw error;
    }
  }
}

/**
 * Asks each range for one key: this shows which ones the user may read (often `/key/` is granted and `/key`
 * itself is not, or the other way round), and that the member has caught up, as the answer needs a quorum.
 *
 * @throws SourceError for a prefix of which nothing may be read.
 */
export async function allowedRanges(
  connection: EtcdConnection,
  wanted: readonly KeyRange[],
  signal: AbortSignal,
): Promise<Omit<EtcdSnapshot, 'entries'>> {
  const answers = await Promise.all(wanted.map((range) => allowed(connection, range, signal)));
  const ranges = wanted.filter((_, place) => answers[place] !== null);
  const given = answers.filter((answer) => answer !== null);
  const refused = wanted.find((range) => !ranges.some(({ prefix }) => prefix === range.prefix));
  // The lowest of the answers' revisions: all of them know it, and it cannot be compacted yet.
  const oldest = given.sort((a, b) => compare(BigInt(a.header.revision), BigInt(b.header.revision)))[0];
  if (refused || !oldest) {
    const prefix = refused?.prefix ?? '/';
    throw new SourceError(`permission denied for ${prefix}`, {
      hint: `etcdctl role grant-permission ROLE read --prefix ${prefix}/`,
    });
  }
  return { ranges, revision: BigInt(oldest.header.revision), clusterId: oldest.header.cluster_id };
}

async function allowed(
  connection: EtcdConnection,
  range: KeyRange,
  signal: AbortSignal,
): Promise<IRangeResponse | null> {
  try {
    return await connection.ask({ ...bounds(range), limit: 1, keys_only: true }, signal);
  } catch (error) {
    if (String(error).includes('permission denied')) return null;
    throw error;
  }
}

async function* pages(
  connection: EtcdConnection,
  { range, revision, signal }: { range: KeyRange; revision: bigint; signal: AbortSignal },
): AsyncGenerator<IKeyValue> {
  let start = range.start;
  for (;;) {
    // Serializable: the revision is fixed and this member has it, so no quorum is needed again.
    const request = {
      ...bounds(range),
      key: start,
      limit: PAGE,
      revision: String(revision),
      serializable: true,
    };
    const { kvs, more } = await connection.page(request, signal);
    yield* kvs;
    const last = kvs.at(-1);
    if (!more || !last) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** The bounds of a range as etcd's requests name them. */
export function bounds(range: KeyRange): { key: Buffer; range_end?: Buffer } {
  return range.end === null ? { key: range.start } : { key: range.start, range_end: range.end };
}

/** One key of etcd. Bytes that are no UTF-8 become U+FFFD: the catalog rejects such a value by name. */
export function toEntry(kv: IKeyValue, index: number): Entry {
  return {
    key: kv.key.toString('utf8'),
    value: kv.value.toString('utf8'),
    source: index,
    created: BigInt(kv.create_revision),
    modified: BigInt(kv.mod_revision),
  };
}
