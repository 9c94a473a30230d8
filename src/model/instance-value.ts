import { addressOf, parseAddress } from './address.ts';
import { bool, integer, jsonObject, list, matching, metaOf, type Parsed, parsed } from './fields.ts';
import type { Instance } from './service.ts';

const KNOWN = new Set(['host', 'port', 'weight', 'maxconn', 'backup', 'drain', 'tags', 'meta']);
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

function plain(key: string, id: string, value: string): Instance {
  const rest = { weight: null, maxconn: null, backup: false, drain: false, tags: NO_TAGS, meta: NO_META };
  return { id, key, ...parseAddress(value), ...rest };
}

function fromJson(key: string, id: string, value: string): Instance {
  const fields = jsonObject(value);
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
  return {
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
}

/** Null and missing are the same: a field that is not there. */
function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === undefined || value === null ? null : read(value);
}
