import { z } from 'zod';
import type { Entry } from '../model/entry.ts';
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
  units: z.array(unit),
  keys: z.array(entry).default([]),
});

/**
 * The state file's text: the last good form of everything that is set aside; of a single value only where it has one.
 * `origin`: of which sources and prefixes it is.
 */
export function recordsText(
  refused: readonly Pick<Refused, 'unit' | 'good' | 'reason' | 'by' | 'binds' | 'since'>[],
  origin?: string,
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
  const head = { version: VERSION, ...(origin === undefined ? {} : { origin }) };
  return `${JSON.stringify({ ...head, ...parts }, null, 1)}\n`;
}

/** Reads it back; null where it is none of ours, of another origin, or not whole. */
export function readRecords(text: string, origin?: string): RefusalRecord[] | null {
  try {
    const { units, keys, origin: written } = file.parse(JSON.parse(text));
    if (written !== undefined && written !== origin) {
      return null;
    }
    const values = keys.map((good) => ({
      unit: { id: `key ${good.key}`, kind: 'value', name: good.key } as const,
      ...{ good: [good], reason: '', since: 0 },
    }));
    return [
      ...values,
      ...units.map(({ good, reason, by, binds, since, ...of }) => ({
        unit: of,
        ...{ good, reason, by, binds, since },
      })),
    ];
  } catch {
    return null;
  }
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
