import { addressOf, parseAddress } from './address.ts';
import {
  BadValue,
  bool,
  integer,
  jsonObject,
  list,
  matching,
  metaOf,
  type Parsed,
  parsed,
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
const NO_TAGS: readonly string[] = Object.freeze([]);

/**
 * Reads the value of `/services/<service>/<instance>`: `host:port`, `[v6]:port`, or JSON
 * `{"host","port","weight","maxconn","backup","drain","tags","meta"}`, of which other fields go to `meta`.
 */
export function parseInstance(key: string, id: string, value: string): Parsed<Instance> {
  return parsed(() => (/^\s*[{"]/.test(value) ? fromJson(key, id, value) : plain(key, id, value)));
}

/** A value and the names of its fields that nobody knows. */
interface Read {
  readonly value: Instance;
  readonly unknown: readonly string[];
}

function plain(key: string, id: string, value: string): Read {
  const rest = { weight: null, maxconn: null, backup: false, drain: false, tags: NO_TAGS, meta: NO_META };
  return { value: { id, key, ...parseAddress(value), ...rest }, unknown: NO_TAGS };
}

function fromJson(key: string, id: string, value: string): Read {
  const fields = jsonObject(value);
  needed(fields, 'host', 'an IP address or a host name');
  needed(fields, 'port', 'a whole number from 1 to 65535');
  const host = matching(
    'host',
    fields.get('host'),
    /^[^\u0000-\u001f\u007f]+$/,
    'an IP address or a host name',
  );
  const drain = optional(fields.get('drain'), (v) => bool('drain', v)) ?? false;
  const weight = optional(fields.get('weight'), (v) => integer('weight', v, 0, 256));
  const tags = optional(fields.get('tags'), (v) =>
    list('tags', v).map((tag) =>
      matching('a tag', tag, TAG, '1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -'),
    ),
  );
  const instance: Instance = {
    id,
    key,
    ...addressOf(host, integer('port', fields.get('port'), 1, 65535)),
    weight: drain ? 0 : weight,
    maxconn: optional(fields.get('maxconn'), (v) => integer('maxconn', v, 1, 2147483647)),
    backup: optional(fields.get('backup'), (v) => bool('backup', v)) ?? false,
    drain,
    tags: tags ?? NO_TAGS,
    meta: metaOf(fields, KNOWN),
  };
  return { value: instance, unknown: unknownFields(fields, READ) };
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
