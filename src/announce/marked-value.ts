import type { ReadEntry } from '../model/read-entry.ts';

/**
 * The value of an entry with the mark of its owner in `meta`, as it is written to a store: JSON, also where the source has
 * `host:port`. Null for what has no place for a mark, or nothing good to say. Where a value is refused, its last good form stands in.
 */
export function markedValue(entry: ReadEntry, owner: string): string | null {
  const good = entry.kept?.form ?? entry;
  const { meaning, value } = good;
  if (meaning.kind === 'instance') {
    const { host, port } = meaning.instance;
    return JSON.stringify(withMark(objectOf(value) ?? { host, port }, owner));
  }
  if (meaning.kind === 'route') {
    return JSON.stringify(withMark(objectOf(value) ?? {}, owner));
  }
  return null;
}

function withMark(value: Readonly<Record<string, unknown>>, owner: string): Record<string, unknown> {
  const { meta } = value;
  return { ...value, meta: { ...(isObject(meta) ? meta : {}), owner } };
}

function objectOf(value: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
