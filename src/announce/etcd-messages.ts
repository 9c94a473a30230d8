import { encode, type Field, Message } from './protobuf.ts';

/*
 * The messages of etcd's KV, Lease, Watch and Auth services that registering needs, with the numbers of their fields.
 * https://github.com/etcd-io/etcd/blob/v3.5.0/api/etcdserverpb/rpc.proto
 */

/** A key as it stands in the store. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** The revision of its last change. */
  readonly modified: bigint;
  /** Decimal; `0` where it has none. */
  readonly lease: string;
}

/** What has to hold for a change to be made. */
export type Condition =
  /** There is no such key. */
  | { readonly kind: 'absent' }
  /** Nobody has changed it since this revision. */
  | { readonly kind: 'unchanged'; readonly since: bigint };

const EQUAL = 0;
const VERSION = 0;
const MODIFIED = 2;

/** A `TxnRequest` that reads all of these keys, and nothing else. */
export function readRequest(keys: readonly string[]): Buffer {
  return encode(keys.map((key) => [2, encode([[1, encode([[1, key]])]])]));
}

/** A `TxnRequest` that puts a key where the condition holds. */
export function putRequest(
  { key, value, lease }: Pick<StoredKey, 'key' | 'value' | 'lease'>,
  condition: Condition,
): Buffer {
  const put = encode([
    [1, key],
    [2, value],
    [3, BigInt(lease)],
  ]);
  return encode([compare(key, condition), [2, encode([[2, put]])]]);
}

/** A `TxnRequest` that deletes a key where the condition holds. */
export function deleteRequest(key: string, condition: Condition): Buffer {
  return encode([compare(key, condition), [2, encode([[3, encode([[1, key]])]])]]);
}

function compare(key: string, condition: Condition): Field {
  const what: readonly Field[] =
    condition.kind === 'absent'
      ? [
          [2, VERSION],
          [4, 0],
        ]
      : [
          [2, MODIFIED],
          [6, condition.since],
        ];
  return [1, encode([[1, EQUAL], [3, key], ...what])];
}

/** What a transaction did. */
export interface TxnAnswer {
  /** Whether the condition held. */
  readonly done: boolean;
  /** That of the store after it. */
  readonly revision: bigint;
  /** What was read. */
  readonly found: readonly StoredKey[];
}

/** Reads a `TxnResponse`. */
export function txnAnswer(bytes: Buffer): TxnAnswer {
  const answer = new Message(bytes);
  return {
    done: answer.flag(2),
    revision: answer.message(1).number(3),
    found: answer.messages(3).flatMap((one) => one.message(1).messages(2).map(storedKey)),
  };
}

/** A `RangeRequest` for nothing but the number of keys at `/`: any answer is a sign of life. */
export function probeRequest(): Buffer {
  return encode([
    [1, '/'],
    [9, true],
  ]);
}

/** The revision in any answer's header. */
export function revisionIn(bytes: Buffer): bigint {
  return new Message(bytes).message(1).number(3);
}

/** A `LeaseGrantRequest`. */
export function grantRequest(seconds: number): Buffer {
  return encode([[1, seconds]]);
}

/** A `LeaseRevokeRequest`, a `LeaseKeepAliveRequest`, or with `keys` a `LeaseTimeToLiveRequest`. */
export function leaseRequest(lease: string, keys?: 'with keys'): Buffer {
  return encode([
    [1, BigInt(lease)],
    [2, keys === undefined ? undefined : true],
  ]);
}

/** A lease, and what is left of it. */
export interface LeaseAnswer {
  readonly lease: string;
  /** Seconds; 0 or less where there is no such lease. */
  readonly ttl: number;
}

/** Reads a `LeaseGrantResponse` or a `LeaseKeepAliveResponse`. */
export function leaseAnswer(bytes: Buffer): LeaseAnswer {
  const answer = new Message(bytes);
  return { lease: String(answer.number(2)), ttl: Number(answer.number(3)) };
}

/** Reads the keys of a `LeaseTimeToLiveResponse`. */
export function leasedKeys(bytes: Buffer): readonly string[] {
  return new Message(bytes).list(5).map((key) => key.toString('utf8'));
}

/** A `WatchRequest` for one key, from now on. */
export function watchRequest(key: string, watch: number): Buffer {
  return encode([
    [
      1,
      encode([
        [1, key],
        [7, watch],
      ]),
    ],
  ]);
}

/** A `WatchRequest` that ends the watch of one key. */
export function unwatchRequest(watch: number): Buffer {
  return encode([[2, encode([[1, watch]])]]);
}

/** One message of a watch stream. */
export type WatchAnswer =
  | { readonly kind: 'created'; readonly watch: number }
  | { readonly kind: 'ended'; readonly watch: number; readonly reason: string }
  /** Keys that were put or deleted, with the revision of that. */
  | { readonly kind: 'changes'; readonly changes: readonly KeyChange[] };

/** A key that was put or deleted. */
export interface KeyChange {
  readonly key: string;
  readonly revision: bigint;
}

/** Reads a `WatchResponse`. */
export function watchAnswer(bytes: Buffer): WatchAnswer {
  const answer = new Message(bytes);
  const watch = Number(answer.number(2));
  if (answer.flag(4)) {
    return { kind: 'ended', watch, reason: answer.text(6) };
  }
  if (answer.flag(3)) {
    return { kind: 'created', watch };
  }
  const changes = answer.messages(11).map((event) => {
    const { key, modified } = storedKey(event.message(2));
    return { key, revision: modified };
  });
  return { kind: 'changes', changes };
}

/** An `AuthenticateRequest`. */
export function loginRequest(name: string, password: string): Buffer {
  return encode([
    [1, name],
    [2, password],
  ]);
}

/** The token of an `AuthenticateResponse`. */
export function tokenIn(bytes: Buffer): string {
  return new Message(bytes).text(2);
}

function storedKey(kv: Message): StoredKey {
  return {
    key: kv.text(1),
    modified: kv.number(3),
    value: kv.text(5),
    lease: String(kv.number(6)),
  };
}
