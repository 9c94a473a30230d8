import { type Address, addressOf, parseAddress } from './address.ts';
import { type AddressRules, whyRefused } from './address-rules.ts';
import {
  BadValue,
  bool,
  type DroppedField,
  integer,
  jsonObject,
  list,
  matching,
  metaOf,
  type Parsed,
  parsed,
  type Read,
  unknownFields,
} from './fields.ts';
import { meantBy } from './remarks.ts';
import type { Instance } from './service.ts';
import { shorten } from './shorten.ts';

/** The fields of an instance's JSON value. */
export const INSTANCE_FIELDS = [
  'host',
  'port',
  'weight',
  'maxconn',
  'backup',
  'drain',
  'tags',
  'meta',
] as const;
/** What Pointsman itself reads out of its `meta`. */
export const INSTANCE_META = ['shared'] as const;
const KNOWN: ReadonlySet<string> = new Set(INSTANCE_FIELDS);
const READ: ReadonlySet<string> = new Set([...INSTANCE_FIELDS, ...INSTANCE_META]);
const TAG = /^[A-Za-z0-9_.:/=@+-]{1,128}$/;
const NO_META = Object.freeze({});
const NONE: readonly never[] = Object.freeze([]);

/** A good value, and what of it is left out. */
export interface ReadInstance extends Read<Instance> {
  readonly dropped: readonly DroppedField[];
}

/** What a value that is refused says all the same: where its server is now, and whether it drains. */
export interface PartialInstance {
  /** Missing where the value gives no address that fits. */
  readonly address?: Address;
  /** Missing where the value does not say it: what does not fit, or gives no address either. */
  readonly drain?: boolean;
}

/**
 * Reads the value of `/services/<service>/<instance>`: `host:port`, `[v6]:port`, or JSON
 * `{"host","port","weight","maxconn","backup","drain","tags","meta"}`, of which other fields go to `meta`. What is only
 * wrong in `maxconn`, `tags` or `meta` costs that field, and nothing else.
 */
export function parseInstance(
  key: string,
  id: string,
  value: string,
  addresses?: AddressRules,
): Parsed<ReadInstance> {
  return parsed(() => {
    const read = isJson(value) ? fromJson(key, id, value) : plain(key, id, value);
    permitted(read.value, addresses);
    return read;
  });
}

/** What a value says that `parseInstance` refuses. */
export function partOfInstance(value: string, addresses?: AddressRules): PartialInstance {
  const fields = isJson(value) ? attempt(() => jsonObject(value)) : undefined;
  if (!fields) {
    return {};
  }
  const address = attempt(() => permitted(readAddress(fields), addresses));
  const written = (fields.get('drain') ?? null) !== null;
  const drain = address || written ? attempt(() => readDrain(fields)) : undefined;
  return { ...(address ? { address } : {}), ...(drain === undefined ? {} : { drain }) };
}

function isJson(value: string): boolean {
  return /^\s*[{"]/.test(value);
}

function plain(key: string, id: string, value: string): ReadInstance {
  const rest = { weight: null, maxconn: null, backup: false, drain: false, tags: NONE, meta: NO_META };
  return { value: { id, key, ...parseAddress(value), ...rest }, unknown: NONE, dropped: NONE };
}

function fromJson(key: string, id: string, value: string): ReadInstance {
  const fields = jsonObject(value);
  const address = readAddress(fields);
  const drain = readDrain(fields);
  const weight = optional(fields.get('weight'), (v) => integer('weight', v, 0, 256));
  const backup = optional(fields.get('backup'), (v) => bool('backup', v)) ?? false;
  const dropped: DroppedField[] = [];
  const orDrop = <T>(field: 'maxconn' | 'tags' | 'meta', read: () => T, without: () => T): T => {
    const result = parsed(() => ({ value: read() }));
    if (result.kind === 'good') {
      return result.value;
    }
    dropped.push({ field, reason: result.reason });
    return without();
  };
  const instance: Instance = {
    id,
    key,
    ...address,
    weight: drain ? 0 : weight,
    maxconn: orDrop(
      'maxconn',
      () => readMaxconn(fields),
      () => null,
    ),
    backup,
    drain,
    tags: orDrop(
      'tags',
      () => readTags(fields),
      () => NONE,
    ),
    meta: orDrop(
      'meta',
      () => metaOf(fields, KNOWN),
      () => metaOf(withoutMeta(fields), KNOWN),
    ),
  };
  return {
    value: instance,
    unknown: unknownFields(fields, READ),
    dropped: dropped.length === 0 ? NONE : dropped,
  };
}

type Fields = ReadonlyMap<string, unknown>;

function readAddress(fields: Fields): Address {
  needed(fields, 'host', 'an IP address or a host name');
  needed(fields, 'port', 'a whole number from 1 to 65535');
  const host = matching(
    'host',
    fields.get('host'),
    /^[^\u0000-\u001f\u007f]+$/,
    'an IP address or a host name',
  );
  return addressOf(host, integer('port', fields.get('port'), 1, 65535));
}

function readDrain(fields: Fields): boolean {
  return optional(fields.get('drain'), (v) => bool('drain', v)) ?? false;
}

function readMaxconn(fields: Fields): number | null {
  return optional(fields.get('maxconn'), (v) => integer('maxconn', v, 1, 2147483647));
}

function readTags(fields: Fields): readonly string[] {
  const fits = '1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -';
  const tags = optional(fields.get('tags'), (v) =>
    list('tags', v).map((tag) => matching('a tag', tag, TAG, fits)),
  );
  return tags ?? NONE;
}

function withoutMeta(fields: Fields): Fields {
  return new Map([...fields].filter(([name]) => name !== 'meta'));
}

/** The same address. Throws where these rules refuse it. */
function permitted<A extends Pick<Address, 'host' | 'family'>>(
  address: A,
  rules: AddressRules | undefined,
): A {
  const why = rules && whyRefused(address, rules);
  if (why !== undefined) {
    throw new BadValue(why);
  }
  return address;
}

/** Undefined where it throws `BadValue`. */
function attempt<T>(read: () => T): T | undefined {
  const result = parsed(() => ({ value: read() }));
  return result.kind === 'good' ? result.value : undefined;
}

/** Throws `BadValue` where the field is missing, with what may have been written in its place. */
function needed(fields: ReadonlyMap<string, unknown>, name: 'host' | 'port', fits: string): void {
  const value = fields.get(name);
  if (value !== undefined && value !== null) {
    return;
  }
  const other = unknownFields(fields, KNOWN).find((field) => meantBy(field, INSTANCE_FIELDS) === name);
  const meant = other === undefined ? '' : `; did you mean it by "${shorten(other, 60)}"?`;
  throw new BadValue(`${name} must be ${fits}, and is missing${meant}`);
}

/** Null and missing are the same: a field that is not there. */
function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === undefined || value === null ? null : read(value);
}
