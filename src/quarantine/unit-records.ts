import type { Entry } from '../model/entry.ts';
import type { UnitRecord } from '../tree/refused-units.ts';
import type { Records } from '../tree/served-tree.ts';

const VERSION = 1;

/** The state file's text: the last good form of everything that is set aside. */
export function recordsText({ units, keys }: Records): string {
  const rows = units.map(({ unit, good, reason, since }) => ({
    ...unit,
    reason,
    since,
    good: whole(good).map(rowOf),
  }));
  const parts = { units: rows, ...(keys.length === 0 ? {} : { keys: whole(keys).map(rowOf) }) };
  return `${JSON.stringify({ version: VERSION, ...parts }, null, 1)}\n`;
}

/** Reads it back; null where it is none of ours or not whole. */
export function readRecords(text: string): Records | null {
  try {
    const data: unknown = JSON.parse(text);
    if (!isRecord(data) || data.version !== VERSION || !Array.isArray(data.units)) {
      return null;
    }
    const { units, keys = [] } = data;
    return Array.isArray(keys) ? { units: units.map(recordOf), keys: keys.map(entryOf) } : null;
  } catch {
    return null;
  }
}

function rowOf({ key, value, source, created, modified }: Entry): Record<string, unknown> {
  return { key, value, source, created: String(created), modified: String(modified) };
}

/** Without what a limit kept out: its value is not there to come back. */
function whole(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ refused }) => refused === undefined);
}

function recordOf(data: unknown): UnitRecord {
  if (!isRecord(data) || !Array.isArray(data.good)) {
    throw new TypeError('not a unit');
  }
  const { kind } = data;
  if (kind !== 'instances' && kind !== 'route' && kind !== 'key') {
    throw new TypeError('not a kind');
  }
  return {
    unit: { id: text(data.id), kind, name: text(data.name) },
    good: data.good.map(entryOf),
    reason: text(data.reason),
    since: Number(data.since),
  };
}

function entryOf(data: unknown): Entry {
  if (!isRecord(data)) {
    throw new TypeError('not an entry');
  }
  return {
    key: text(data.key),
    value: text(data.value),
    source: Number(data.source),
    created: BigInt(text(data.created)),
    modified: BigInt(text(data.modified)),
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string') {
    throw new TypeError('not a text');
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
