import type { Entry } from '../model/entry.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import { abortable } from './abortable.ts';
import { connectEtcd, type EtcdConnection } from './etcd-client.ts';
import { etcdError, explainEtcdError } from './etcd-error.ts';
import type { Explained } from './etcd-error-rules.ts';
import { followEtcd } from './etcd-follow.ts';
import { type EtcdSourceOptions, etcdName } from './etcd-options.ts';
import { PagePatience } from './etcd-patience.ts';
import { readSnapshot, toEntry } from './etcd-snapshot.ts';
import { eventsOf } from './events-of.ts';
import { type KeyRange, keyRanges } from './key-ranges.ts';

/** How long a page may take where there is no second try. */
const ONE_TRY = 10_000;

/**
 * Keys of an etcd v3.
 *
 * `read()` asks one endpoint after the other and throws a `SourceError` that names what was found at each. `watch()`
 * reads everything at one revision, then gives every transaction as one `changes` event; it never throws for
 * what can heal.
 *
 * @throws UsageError for a prefix that does not begin with `/`.
 */
export function etcdSource(options: EtcdSourceOptions): Source {
  const ranges = keyRanges(options.prefixes);
  return {
    name: etcdName(options),
    read: (signal) => readOnce(options, ranges, signal),
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, (push, inner) => followEtcd(options, ranges, { push, signal: inner })),
    earlier: (entries, signal) => readEarlier(options, entries, signal),
  };
}

async function readOnce(
  options: EtcdSourceOptions,
  ranges: readonly KeyRange[],
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const failures = new Map<string, Explained>();
  let cause: unknown;
  for (const endpoint of options.endpoints) {
    try {
      using connection = await abortable(connectEtcd(endpoint, options), signal);
      await connection.authenticate(signal);
      const { entries } = await readSnapshot(connection, ranges, {
        index: options.index,
        limits: options.limits,
        patience: new PagePatience(ONE_TRY),
        signal,
      });
      return entries;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TypeError || error instanceof ReferenceError) {
        throw error;
      }
      cause = error;
      failures.set(endpoint, explainEtcdError(error, endpoint, options));
    }
  }
  throw etcdError(failures, 'reading etcd', cause);
}

/** So many keys are asked for at a time. */
const AT_ONCE = 32;

/** Asks one endpoint after the other; what etcd has compacted is not known any more. */
async function readEarlier(
  options: EtcdSourceOptions,
  entries: readonly Entry[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Entry>> {
  for (const endpoint of options.endpoints) {
    try {
      using connection = await abortable(connectEtcd(endpoint, options), signal);
      await connection.authenticate(signal);
      const found = new Map<string, Entry>();
      for (let at = 0; at < entries.length; at += AT_ONCE) {
        const some = entries.slice(at, at + AT_ONCE);
        const earlier = await Promise.all(
          some.map((entry) => readOneEarlier(connection, entry, options, signal)),
        );
        for (const entry of earlier) {
          if (entry) {
            found.set(entry.key, entry);
          }
        }
      }
      return found;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TypeError || error instanceof ReferenceError) {
        throw error;
      }
    }
  }
  return new Map();
}

async function readOneEarlier(
  connection: EtcdConnection,
  { key, modified }: Entry,
  options: EtcdSourceOptions,
  signal: AbortSignal,
): Promise<Entry | null> {
  try {
    const request = { key: Buffer.from(key), revision: String(modified - 1n), serializable: true };
    const [kv] = (await connection.ask(request, signal)).kvs;
    return kv ? toEntry(kv, options) : null;
  } catch (error) {
    if (String(error).includes('has been compacted')) {
      return null;
    }
    throw error;
  }
}
