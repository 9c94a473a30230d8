import { z } from 'zod';
import type { Entry } from '../model/entry.ts';
import type { Records } from '../tree/served-tree.ts';

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
  since: z.number(),
  good: z.array(entry),
});
const file = z.object({
  version: z.literal(VERSION),
  units: z.array(unit),
  keys: z.array(entry).default([]),
});

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
    const { units, keys } = file.parse(JSON.parse(text));
    return {
      keys,
      units: units.map(({ good, reason, since, ...of }) => ({ unit: of, good, reason, since })),
    };
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
