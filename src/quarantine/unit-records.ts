import type { Entry } from '../model/entry.ts';
import type { QuarantinedUnit, UnitRecord } from '../tree/quarantined-units.ts';

const VERSION = 1;

/** The state file's text: the last good form of everything that is set aside. */
export function recordsText(all: readonly Pick<QuarantinedUnit, keyof UnitRecord>[]): string {
  const units = all.map(({ unit, good, reason, since }) => ({
    ...unit,
    reason,
    since,
    good: whole(good).map(({ key, value, source, created, modified }) => ({
      key,
      value,
      source,
      created: String(created),
      modified: String(modified),
    })),
  }));
  return `${JSON.stringify({ version: VERSION, units }, null, 1)}\n`;
}

/** Reads it back; null where it is none of ours or not whole. */
export function readRecords(text: string): readonly UnitRecord[] | null {
  try {
    const data: unknown = JSON.parse(text);
    if (!isRecord(data) || data.version !== VERSION || !Array.isArray(data.units)) {
      return null;
    }
    return data.units.map(recordOf);
  } catch {
    return null;
  }
}

/** Without what a limit kept out: its value is not there to come back. */
function whole(form: QuarantinedUnit['good']): Entry[] {
  return [...form.values()].filter(({ refused }) => refused === undefined);
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
