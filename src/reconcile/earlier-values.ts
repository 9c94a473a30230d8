import type { Entry } from '../model/entry.ts';
import { refusalOf } from '../model/kept.ts';
import { ReadEntry } from '../model/read-entry.ts';
import { clock } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import type { Trees } from '../tree/trees.ts';

/** So long a tree may wait for it, in milliseconds. */
const PATIENCE = 3_000;
/** A value may have been refused so many times in a row. */
const STEPS = 10;

/**
 * Asks a source what keys were before they were overwritten by what is refused, where nobody here has seen that: on a host
 * that has just joined. So it serves what the others keep. `asked`: what was asked for already.
 */
export async function takeEarlierValues(
  { trees }: { readonly trees: Pick<Trees, 'unseen' | 'takeEarlier' | 'served'> },
  {
    source,
    asked,
    signal,
  }: { readonly source: Source; readonly asked: WeakSet<Entry>; readonly signal: AbortSignal },
): Promise<void> {
  const unseen = trees.unseen.filter((entry) => !asked.has(entry));
  if (!source.earlier || unseen.length === 0) {
    return;
  }
  const late = new AbortController();
  const cancel = clock.after(PATIENCE, () => late.abort(), 'lazy');
  const good = new Map<ReadEntry, Entry>();
  const within = AbortSignal.any([signal, late.signal]);
  try {
    let open = new Map(unseen.map((entry) => [entry.key, { of: entry, entry: entry as Entry }]));
    for (let step = 0; step < STEPS && open.size > 0; step++) {
      const found = await source.earlier(
        [...open.values()].map(({ entry }) => entry),
        within,
      );
      const next: typeof open = new Map();
      for (const [key, entry] of found) {
        const of = open.get(key)?.of;
        const isRefused = refusalOf(ReadEntry.of(entry, trees.served.prefixes)) !== null;
        if (of && !isRefused) {
          good.set(of, entry);
        } else if (of && entry.modified > entry.created) {
          next.set(key, { of, entry });
        }
      }
      open = next;
    }
    unseen.forEach((entry) => void asked.add(entry));
  } catch (error) {
    if (!within.aborted) {
      throw error;
    }
  } finally {
    cancel();
  }
  trees.takeEarlier(good);
}
