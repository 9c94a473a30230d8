import { SourceError } from '../errors.ts';
import type { KeyValue, RangeAnswer } from './etcd-answers.ts';
import type { EtcdConnection } from './etcd-client.ts';
import { DeniedError } from './etcd-denied.ts';
import type { PagePatience } from './etcd-patience.ts';
import { bounds, isWithin, type KeyRange, named } from './key-ranges.ts';

export interface PagesOptions {
  readonly patience: PagePatience;
  readonly signal: AbortSignal;
}

/** A range with more pages than this is read in narrower ones. */
const FAR = 10;
/** A narrow range that fills less of a page than this was too narrow. */
const SPARSE = 1 / 8;

/**
 * Reads all keys of a range at one revision, in pages. Whatever the limit of a page is, etcd counts everything up to the end
 * that it is asked for: with 1,000,000 keys that is a quarter of a second of its processor for each page. So where
 * much is left, a page ends soon after it begins:
 *
 *     /services/ … /services0           1,000 keys, 999,000 more
 *     /services/a17\0 … /services/a2    800 keys, and that was all: go on from its end
 *     /services/a2 … /services/a3       90 keys: ask for wider ones
 *     /services/a3 … /services/b        …
 */
export async function* pages(
  connection: EtcdConnection,
  { range, revision }: { readonly range: KeyRange; readonly revision: bigint },
  { patience, signal }: PagesOptions,
): AsyncGenerator<readonly KeyValue[]> {
  let asked = range;
  let limit = patience.keys;
  let depth = 0;
  for (;;) {
    // Serializable: the revision is fixed and this member has it, so no quorum is needed again.
    const request = { ...bounds(asked), limit, revision: String(revision), serializable: true };
    let page: RangeAnswer;
    try {
      const began = performance.now();
      page = await connection.page(request, patience.milliseconds, signal);
      patience.came(performance.now() - began);
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
    const { kvs, more, count } = page;
    const [first, last] = [kvs[0], kvs.at(-1)];
    const foreign =
      first && last && (Buffer.compare(first.key, asked.start) < 0 || !isWithin(asked, last.key));
    if (foreign) {
      throw new SourceError("its answer to a read is not etcd's: it holds keys that were not asked for");
    }
    yield kvs;
    let { start, end } = asked;
    if (more && last) {
      start = Buffer.concat([last.key, Buffer.from([0])]);
      if (count <= BigInt(limit * FAR)) {
        asked = { ...asked, start };
        continue;
      }
      depth = commonLength(first?.key ?? last.key, last.key) + 1;
    } else if (end === null || (range.end && end.equals(range.end))) {
      return;
    } else {
      start = end;
      depth = Math.min(depth, start.length) - (kvs.length < limit * SPARSE ? 1 : 0);
    }
    end = endNear(start, depth, range.end);
    asked = { ...range, start, end };
  }
}

function commonLength(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) {
    at++;
  }
  return at;
}

/** The end of all keys that begin with the first `depth` bytes of `start`, and no more than `end`. */
function endNear(start: Buffer, depth: number, end: Buffer | null): Buffer | null {
  let length = Math.max(0, Math.min(depth, start.length));
  while (length > 0 && start[length - 1] === 0xff) {
    length--;
  }
  if (length === 0) {
    return end;
  }
  const near = Buffer.from(start.subarray(0, length));
  near[length - 1] = (near[length - 1] ?? 0) + 1;
  return end === null || Buffer.compare(near, end) < 0 ? near : end;
}
