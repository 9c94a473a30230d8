import { isDeepStrictEqual } from 'node:util';
import type { Entry } from '../../src/model/entry.ts';
import type { Source } from '../../src/ports/source.ts';
import { waitFor } from './haproxy.ts';
import type { SourceRecorder } from './source-recorder.ts';

/**
 * Reads everything anew and holds it against what a recorder believes: the same entries with the same revisions,
 * and no event twice, and no key going back, on the way. Throws what differs.
 */
export async function sameAsFreshRead(seen: SourceRecorder, source: Source): Promise<void> {
  const fresh = sorted(await source.read(AbortSignal.timeout(20_000)));
  const believed = () => sorted([...seen.tree.values()]);
  await waitFor(() => seen.tree.size === fresh.length && isDeepStrictEqual(believed(), fresh), {
    timeout: 5_000,
  }).catch(() => {
    throw new Error(`believed is not what is there: ${differences(believed(), fresh)}`);
  });
  const twice = doubled(seen);
  if (twice !== null) {
    throw new Error(`an event came twice: ${twice}`);
  }
}

/**
 * The first event that was in what came before it, or null. By key: after a reconnect the shares of two prefixes in
 * old revisions may come one after the other, see `followStream`.
 */
function doubled(seen: SourceRecorder): string | null {
  let read = -1n;
  const last = new Map<string, bigint>();
  for (const event of seen.events) {
    if (event.kind === 'snapshot') {
      last.clear();
      read = event.revision;
    }
    if (event.kind !== 'changes') {
      continue;
    }
    for (const change of event.changes) {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      const before = last.get(key) ?? read;
      if (event.revision <= before) {
        return `${key} of ${event.revision} after ${before}`;
      }
      last.set(key, event.revision);
    }
  }
  return null;
}

function differences(believed: readonly Entry[], fresh: readonly Entry[]): string {
  const line = ({ key, modified }: Entry) => `${key} of ${modified}`;
  const [left, right] = [new Set(believed.map(line)), new Set(fresh.map(line))];
  const few = (lines: readonly string[]) => `${lines.length} (${lines.slice(0, 3).join(', ')})`;
  const more = [...left].filter((one) => !right.has(one));
  const less = [...right].filter((one) => !left.has(one));
  return `too many ${few(more)}, missing ${few(less)}`;
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
}
