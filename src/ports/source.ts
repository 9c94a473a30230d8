import type { Change, Entry } from '../model/entry.ts';

/** Where the data of a source stands: `stale` says that what was read last still holds but may be old. */
export type SourceState = 'connecting' | 'live' | 'stale';

/** What a source tells, in order. A `snapshot` comes before any `changes`. */
export type SourceEvent =
  | {
      readonly kind: 'snapshot';
      readonly entries: readonly Entry[];
      readonly revision: bigint;
      /** Prefixes of which nothing may be read: what is in them is not known. @default none */
      readonly refused?: readonly string[];
    }
  /** A single source gave data: `changed` keys, of now `keys` of its own. The data follows, merged with others'. */
  | {
      readonly kind: 'heard';
      readonly of: { readonly index: number; readonly name: string };
      readonly what: 'snapshot' | 'changes';
      readonly changed: number;
      readonly keys: number;
      readonly revision: bigint;
      /** Of a snapshot, as it says. */
      readonly refused?: readonly string[];
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
      /** It answers, but for these prefixes: `stale` is what was read of them before. */
      readonly refused?: readonly string[];
      /** The source that this is about: its place in the settings and its name. */
      readonly of: { readonly index: number; readonly name: string };
    };

/** What is known of a source from before. */
export interface KnownLayer {
  readonly entries: readonly Entry[];
  /** Prefixes of which nothing is known. */
  readonly without: readonly string[];
}

/** What is known from before, and stands in for a source, or for a prefix of it, that gives nothing. */
export interface KnownLayers {
  /** By the place of the source in the settings; null where nothing is known of it. */
  of(index: number): KnownLayer | null;
  /** Aborts when silent sources are waited for no longer. */
  readonly gaveUp: AbortSignal;
}

/** Prefixes that may not be read. */
export interface Refusal {
  readonly prefixes: readonly string[];
  readonly error: Error;
}

/** A place that keys come from. Knows nothing of services. */
export interface Source {
  /** For people: `etcd https://10.0.0.1:2379 …`, `file ./datastores.yaml`. */
  readonly name: string;
  /** Whether a start may do without it where nothing is known of it. @default false */
  readonly optional?: boolean;
  /**
   * Reads everything once. Throws a `SourceError` that says what is wrong and what to do. Prefixes that may not be read are
   * such an error, unless `onRefused` takes it and something else may be read.
   */
  read(signal: AbortSignal, onRefused?: (refusal: Refusal) => void): Promise<readonly Entry[]>;
  /** Reads everything, then follows it until `signal` aborts (then it ends without an error). Never throws
   *  for what can heal: such things are `state` events and retried inside. Of several merged ones, `known` stands in for
   *  those that give nothing. */
  watch(signal: AbortSignal, known?: KnownLayers): AsyncIterable<SourceEvent>;
  /**
   * What each of these keys held right before it was written like this, by key; without those of which the source does not
   * know it (any more). Rejects only when `signal` aborts.
   */
  readonly earlier?: (entries: readonly Entry[], signal: AbortSignal) => Promise<ReadonlyMap<string, Entry>>;
}
