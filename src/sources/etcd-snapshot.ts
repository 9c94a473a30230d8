import type { IKeyValue, IRangeResponse } from 'etcd3';
import { SourceError } from '../errors.ts';
import { compare, type Entry } from '../model/entry.ts';
import { type Limits, refuse, tooLarge } from '../model/limits.ts';
import type { EtcdConnection } from './etcd-client.ts';
import type { PagePatience } from './etcd-patience.ts';
import type { KeyRange } from './key-ranges.ts';

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
  readonly clusterId: string;
  /** The ranges that this user may read. */
  readonly ranges: readonly KeyRange[];
}

/** How a full read goes about it. */
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
      const { ranges, revision, clusterId } = await allowedRanges(connection, wanted, signal);
      const entries: Entry[] = [];
      const budget = new ReadBudget(reading.limits);
      for (const range of ranges) {
        for await (const kv of pages(connection, { range, revision, patience, signal })) {
          const entry = toEntry(kv, reading);
          budget.spend(entry);
          entries.push(entry);
        }
      }
      patience.finished();
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

interface PagesOf {
  readonly range: KeyRange;
  readonly revision: bigint;
}

async function* pages(
  connection: EtcdConnection,
  { range, revision, patience, signal }: Omit<SnapshotOptions, keyof Reading> & PagesOf,
): AsyncGenerator<IKeyValue> {
  let start = range.start;
  let limit = patience.keys;
  for (;;) {
    // Serializable: the revision is fixed and this member has it, so no quorum is needed again.
    const request = { ...bounds(range), key: start, limit, revision: String(revision), serializable: true };
    let page: IRangeResponse;
    try {
      const asked = performance.now();
      page = await connection.page(request, patience.milliseconds, signal);
      patience.came(performance.now() - asked);
    } catch (error) {
      if (/deadline.exceeded/i.test(String(error))) patience.stayedAway();
      if (limit === 1 || !String(error).includes('larger than max')) throw error;
      limit = Math.ceil(limit / 8);
      continue;
    }
    const { kvs, more } = page;
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

/**
 * One key of etcd. Bytes that are no UTF-8 become U+FFFD: the catalog rejects such a value by name. A value beyond the
 * limits is dropped at once, so that it costs no memory.
 */
export function toEntry(kv: IKeyValue, { index, limits }: Reading): Entry {
  const large = limits !== undefined && kv.value.length > limits.valueBytes;
  const entry: Entry = {
    key: kv.key.toString('utf8'),
    value: (large ? kv.value.subarray(0, HEAD) : kv.value).toString('utf8'),
    source: index,
    created: BigInt(kv.create_revision),
    modified: BigInt(kv.mod_revision),
  };
  const reason = large ? tooLarge(entry, limits, kv.value.length) : undefined;
  return reason === undefined ? entry : refuse(entry, reason);
}

/**
 * A full read is held whole before its older keys can be told from the younger. One that is many times what the limits
 * allow is given up, so that the memory stays bounded: what was read before still holds.
 */
class ReadBudget {
  readonly #limits: Limits | undefined;
  #keys = 0;
  #size = 0;

  constructor(limits: Limits | undefined) {
    this.#limits = limits;
  }

  spend({ key, value }: Entry): void {
    if (!this.#limits) return;
    this.#size += key.length + value.length;
    this.#keys += 1;
    const { keys, totalBytes } = this.#limits;
    if (this.#keys <= keys * MANY && this.#size <= totalBytes * MANY) return;
    throw new SurfeitError(
      `the prefixes hold more than ${MANY} times what limits.keys and limits.totalBytes allow`,
      {
        hint: 'delete what does not belong there, or raise the limits; until then the keys that were read before stay',
      },
    );
  }
}
