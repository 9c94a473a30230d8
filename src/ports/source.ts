import type { Change, Entry } from '../model/entry.ts';

/** Where the data of a source stands: `stale` says that what was read last still holds but may be old. */
export type SourceState = 'connecting' | 'live' | 'stale';

/** What a source tells, in order. A `snapshot` comes before any `changes`. */
export type SourceEvent =
  | { readonly kind: 'snapshot'; readonly entries: readonly Entry[]; readonly revision: bigint }
  /** A single source gave data: `changed` keys, of now `keys` of its own. The data follows, merged with others'. */
  | {
      readonly kind: 'heard';
      readonly of: { readonly index: number; readonly name: string };
      readonly what: 'snapshot' | 'changes';
      readonly changed: number;
      readonly keys: number;
      readonly revision: bigint;
    }
  /** Something that a person should know once, and that needs no retry. */
  | { readonly kind: 'notice'; readonly message: string; readonly hint: string }
  /** One transaction, whole. */
  | { readonly kind: 'changes'; readonly changes: readonly Change[]; readonly revision: bigint }
  /** A change of state; `error` says why it is not `live`. Said once per change, not per try. */
  | {
      readonly kind: 'state';
      readonly state: SourceState;
      readonly error?: Error;
      /** The source that this is about: its place in the settings and its name. */
      readonly of: { readonly index: number; readonly name: string };
    };

/** A place that keys come from. Knows nothing of services. */
export interface Source {
  /** For people: `etcd https://10.0.0.1:2379 …`, `file ./datastores.yaml`. */
  readonly name: string;
  /** Reads everything once. Throws a `SourceError` that says what is wrong and what to do. */
  read(signal: AbortSignal): Promise<readonly Entry[]>;
  /** Reads everything, then follows it until `signal` aborts (then it ends without an error). Never throws
   *  for what can heal: such things are `state` events and retried inside. */
  watch(signal: AbortSignal): AsyncIterable<SourceEvent>;
  /**
   * What each of these keys held right before it was written like this, by key; without those of which the source does not
   * know it (any more). Rejects only when `signal` aborts.
   */
  readonly earlier?: (entries: readonly Entry[], signal: AbortSignal) => Promise<ReadonlyMap<string, Entry>>;
}
