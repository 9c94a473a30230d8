import { z } from 'zod';
import type { Entry } from '../model/entry.ts';
import { entriesAt, type Origin, type Places, placesNow, writtenOrigin } from '../ports/origin.ts';
import type { RefusalRecord, Refused } from '../tree/refusals.ts';

const VERSION = 1;

const revision = z.string().transform(BigInt);
const entry = z.object({
  key: z.string(),
  value: z.string(),
  source: z.number(),
  created: revision,
  modified: revision,
});
const unit = z.object({
  id: z.string(),
  kind: z.enum(['instances', 'route', 'key']),
  name: z.string(),
  reason: z.string(),
  by: z.enum(['check', 'preflight', 'reload']).default('check'),
  binds: z.array(z.string()).default([]),
  since: z.number(),
  good: z.array(entry),
});
const file = z.object({
  version: z.literal(VERSION),
  /** Missing in files of before; then it may be of any. */
  origin: z.string().optional(),
  sources: z.array(z.string()).default([]),
  units: z.array(unit),
  keys: z.array(entry).default([]),
});

/**
 * The state file's text: the last good form of everything that is set aside; of a single value only where it has one.
 * `origin`: of which sources and prefixes it is.
 */
export function recordsText(
  refused: readonly Pick<Refused, 'unit' | 'good' | 'reason' | 'by' | 'binds' | 'since'>[],
  origin?: Origin,
): string {
  const [values, units] = [refused.filter(isValue), refused.filter((one) => !isValue(one))];
  const rows = units.map(({ unit, good, reason, by, binds = [], since }) => ({
    ...unit,
    ...(by === undefined || by === 'check' ? {} : { by }),
    ...(binds.length === 0 ? {} : { binds }),
    ...{ reason, since, good: rowsOf(good) },
  }));
  const keys = values.flatMap(({ good }) => rowsOf(good));
  const parts = { units: rows, ...(keys.length === 0 ? {} : { keys }) };
  const head = { version: VERSION, ...(origin === undefined ? {} : writtenOrigin(origin)) };
  return `${JSON.stringify({ ...head, ...parts }, null, 1)}\n`;
}

/** Reads it back, as far as it is of sources that are the same; null where none is, and where it is not whole. */
export function readRecords(text: string, origin?: Origin): RefusalRecord[] | null {
  try {
    const { units, keys, origin: written, sources } = file.parse(JSON.parse(text));
    const places =
      written === undefined ? 'same' : origin ? placesNow({ origin: written, sources }, origin) : null;
    if (places === null) {
      return null;
    }
    const values = keys.map((good) => ({
      unit: { id: `key ${good.key}`, kind: 'value', name: good.key } as const,
      ...{ good: [good], reason: '', since: 0 },
    }));
    const records: RefusalRecord[] = [
      ...values,
      ...units.map(({ good, reason, by, binds, since, ...of }) => ({
        unit: of,
        ...{ good, reason, by, binds, since },
      })),
    ];
    return places === 'same' ? records : recordsAt(records, places);
  } catch {
    return null;
  }
}

/** Without those whose last good form was of sources that are none of ours any more. */
function recordsAt(records: readonly RefusalRecord[], places: Places): RefusalRecord[] {
  return records.flatMap((record) => {
    const good = entriesAt(record.good, places);
    return good.length === 0 && record.good.length > 0 ? [] : [{ ...record, good }];
  });
}

function isValue({ unit }: Pick<Refused, 'unit'>): boolean {
  return unit.kind === 'value';
}

/** Without what a limit kept out: its value is not there to come back. */
function rowsOf(good: Refused['good']): Record<string, unknown>[] {
  return [...good.values()]
    .filter(({ refused }) => refused === undefined)
    .map(({ key, value, source, created, modified }: Entry) => ({
      ...{ key, value, source },
      ...{ created: String(created), modified: String(modified) },
    }));
}
