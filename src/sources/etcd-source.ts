import type { Entry } from '../model/entry.ts';
import type { Refusal, Source, SourceEvent } from '../ports/source.ts';
import { abortable } from './abortable.ts';
import { connectEtcd, type EtcdConnection } from './etcd-client.ts';
import { DeniedError, withRoles } from './etcd-denied.ts';
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
    read: (signal, onRefused) => readOnce(options, ranges, { signal, onRefused }),
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, (push, inner) => followEtcd(options, ranges, { push, signal: inner })),
    earlier: (entries, signal) => readEarlier(options, entries, signal),
  };
}

interface ReadOptions {
  readonly signal: AbortSignal;
  readonly onRefused: ((refusal: Refusal) => void) | undefined;
}

async function readOnce(
  options: EtcdSourceOptions,
  ranges: readonly KeyRange[],
  { signal, onRefused }: ReadOptions,
): Promise<readonly Entry[]> {
  const failures = new Map<string, Explained>();
  let cause: unknown;
  await options.refresh?.(signal);
  for (const endpoint of options.endpoints) {
    try {
      using connection = await abortable(connectEtcd(endpoint, options), signal);
      await connection.authenticate(signal);
      const { entries, refused } = await orWithRoles(connection, signal, () =>
        readSnapshot(connection, ranges, {
          index: options.index,
          limits: options.limits,
          patience: new PagePatience(ONE_TRY),
          signal,
        }),
      );
      if (refused.length > 0) {
        const roles = await connection.roles(signal);
        const denied = new DeniedError(refused, connection.user, roles);
        if (!onRefused) {
          throw denied;
        }
        const found = new Map([[endpoint, explainEtcdError(denied, endpoint, options)]]);
        onRefused({ prefixes: refused, error: etcdError(found, 'reading etcd', denied) });
      }
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
    if (/has been compacted|permission denied/.test(String(error))) {
      return null;
    }
    throw error;
  }
}

/** What is not permitted is told with the roles of the user. */
async function orWithRoles<T>(
  connection: EtcdConnection,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await withRoles(error, connection, signal);
  }
}
