import { SourceError } from '../errors.ts';

/** One key of an answer. */
export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly created: bigint;
  readonly modified: bigint;
}

/** Where a store stands. */
export interface Standing {
  readonly revision: bigint;
  /** Null where it does not say. */
  readonly clusterId: string | null;
}

/** What etcd answers to a read. */
export interface RangeAnswer extends Standing {
  /** Ascending, each once. */
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** All keys between the bounds that were asked for; 0 where it does not say. */
  readonly count: bigint;
}

/** One event of a watch. Of what was deleted only the key and the revision are known. */
export interface WatchEvent {
  readonly kind: 'put' | 'delete';
  readonly kv: KeyValue;
}

/** One message of a watch stream. */
export type WatchAnswer =
  | {
      readonly kind: 'created';
      readonly watch: string;
      readonly revision: bigint;
      /** Null where it does not say, as a proxy. */
      readonly clusterId: string | null;
    }
  | { readonly kind: 'ended'; readonly watch: string; readonly reason: string }
  | { readonly kind: 'compacted' }
  | {
      readonly kind: 'events';
      readonly watch: string;
      readonly events: readonly WatchEvent[];
      /** More of the same follows. */
      readonly fragment: boolean;
    }
  | { readonly kind: 'progress'; readonly revision: bigint };

type Raw = Readonly<Record<string, unknown>>;

const DECIMAL = /^[1-9]\d{0,19}$/;

/*
 * The one place where answers of etcd become types of ours. Whoever answers at an endpoint may leave anything out: in
 * protobuf every field is optional, and what is missing comes as null, as 0 or as nothing.
 */

/** @throws SourceError that names what is missing or wrong. */
export function rangeAnswer(raw: unknown): RangeAnswer {
  const answer = object(raw, 'a read');
  const header = object(answer.header, 'a read', 'header');
  const kvs = list(answer.kvs, 'a read', 'kvs').map((kv) => keyValue(kv, 'a read'));
  for (const [place, { key }] of kvs.entries()) {
    const before = kvs[place - 1];
    if (before && Buffer.compare(before.key, key) >= 0) {
      throw wrong('a read', 'kvs', 'is not sorted');
    }
  }
  const count = typeof answer.count === 'string' && DECIMAL.test(answer.count) ? BigInt(answer.count) : 0n;
  return { ...standing(header, 'a read'), kvs, more: answer.more === true, count };
}

/** @throws SourceError that names what is missing or wrong. */
export function transactionAnswer(raw: unknown): Standing {
  const of = 'a transaction';
  return standing(object(object(raw, of).header, of, 'header'), of);
}

function standing(header: Raw, of: string): Standing {
  return { revision: decimal(header.revision, of, 'header.revision'), clusterId: cluster(header) };
}

/** @throws SourceError that names what is missing or wrong. */
export function tokenAnswer(raw: unknown): string {
  const { token } = object(raw, 'a login');
  if (typeof token !== 'string' || token === '') {
    throw wrong('a login', 'token', 'is missing');
  }
  return token;
}

/** @throws SourceError that names what is missing or wrong. */
export function rolesAnswer(raw: unknown): readonly string[] {
  const { roles } = object(raw, 'a question for a user');
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) {
    throw wrong('a question for a user', 'roles', 'is no list of names');
  }
  return roles;
}

/** @throws SourceError that names what is missing or wrong. */
export function watchAnswer(raw: unknown): WatchAnswer {
  const answer = object(raw, 'a watch');
  const { watch_id: watch, compact_revision: compacted } = answer;
  if (typeof compacted === 'string' && compacted !== '0') {
    return { kind: 'compacted' };
  }
  if (answer.canceled === true) {
    return { kind: 'ended', watch: String(watch), reason: String(answer.cancel_reason ?? '') };
  }
  const events = list(answer.events, 'a watch', 'events');
  const fragment = answer.fragment === true;
  if (typeof watch !== 'string') {
    throw wrong('a watch', 'watch_id', 'is missing');
  }
  if (answer.created !== true && (events.length > 0 || fragment)) {
    return { kind: 'events', watch, events: events.map(watchEvent), fragment };
  }
  const header = object(answer.header, 'a watch', 'header');
  const revision = decimal(header.revision, 'a watch', 'header.revision');
  if (answer.created !== true) {
    return { kind: 'progress', revision };
  }
  return { kind: 'created', watch, revision, clusterId: cluster(header) };
}

function watchEvent(raw: unknown): WatchEvent {
  const { type, kv } = object(raw, 'a watch', 'events[]');
  if (type !== undefined && type !== 'Put' && type !== 'Delete') {
    throw wrong('a watch', 'events[].type', `is ${type}`);
  }
  return { kind: type === 'Delete' ? 'delete' : 'put', kv: keyValue(kv, 'a watch', type === 'Delete') };
}

function keyValue(raw: unknown, of: string, deleted = false): KeyValue {
  const { key, value, create_revision, mod_revision } = object(raw, of, 'kv');
  if (!Buffer.isBuffer(key) || key.length === 0) {
    throw wrong(of, 'kv.key', 'is missing');
  }
  if (!Buffer.isBuffer(value)) {
    throw wrong(of, 'kv.value', 'is missing');
  }
  return {
    key,
    value,
    created: deleted ? 0n : decimal(create_revision, of, 'kv.create_revision'),
    modified: decimal(mod_revision, of, 'kv.mod_revision'),
  };
}

function object(raw: unknown, of: string, field = ''): Raw {
  if (typeof raw === 'object' && raw !== null) {
    return raw as Raw;
  }
  throw wrong(of, field, 'is missing');
}

function list(raw: unknown, of: string, field: string): readonly unknown[] {
  if (Array.isArray(raw)) {
    return raw;
  }
  throw wrong(of, field, 'is missing');
}

function cluster({ cluster_id }: Raw): string | null {
  return typeof cluster_id === 'string' && cluster_id !== '0' ? cluster_id : null;
}

/** A revision: they begin with 1, so 0 is one that is missing. */
function decimal(raw: unknown, of: string, field: string): bigint {
  if (typeof raw === 'string' && DECIMAL.test(raw)) {
    return BigInt(raw);
  }
  throw wrong(of, field, raw === undefined || raw === null || raw === '0' ? 'is missing' : 'is no revision');
}

function wrong(of: string, field: string, found: string): SourceError {
  return new SourceError(`its answer to ${of} is not etcd's: ${field === '' ? 'it' : field} ${found}`, {
    hint: 'is that really an etcd v3, without something in between that changes its answers?',
  });
}
