import type { Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { keeping, refusalOf } from '../model/kept.ts';
import { ReadEntry } from '../model/read-entry.ts';
import { clock } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import type { Trees } from './trees.ts';

/** So long a tree may wait for it, in milliseconds. */
const PATIENCE = 3_000;
/** So many keys are asked for after a full read: whoever writes nonsense in masses does not keep etcd busy. */
const MOST = 1_000;
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
  const unseen = trees.unseen.filter((entry) => !asked.has(entry)).slice(0, MOST);
  if (!source.earlier || unseen.length === 0) {
    return;
  }
  // Once, whatever comes of it: changes wait for the answer.
  unseen.forEach((entry) => void asked.add(entry));
  const late = new AbortController();
  const cancel = clock.after(PATIENCE, () => late.abort(), 'lazy');
  const good = new Map<ReadEntry, Entry>();
  const within = AbortSignal.any([signal, late.signal]);
  const { grammar } = trees.served;
  try {
    /** What was refused, the newest first. */
    let open = new Map<string, readonly [ReadEntry, ...ReadEntry[]]>(
      unseen.map((entry) => [entry.key, [entry]]),
    );
    for (let step = 0; step < STEPS && open.size > 0; step++) {
      const oldest = [...open.values()].flatMap((refused) => refused.at(-1) ?? []);
      const found = await source.earlier(oldest, within);
      const next: typeof open = new Map();
      for (const [key, refused] of open) {
        const entry = found.get(key);
        const read = entry && ReadEntry.of(entry, grammar);
        if (read && refusalOf(read) === null) {
          good.set(refused[0], overwritten(read, refused.slice(1), grammar));
        } else if (read && read.modified > read.created) {
          next.set(key, [...refused, read]);
        }
      }
      open = next;
    }
  } catch (error) {
    if (!within.aborted) {
      throw error;
    }
  } finally {
    cancel();
  }
  trees.takeEarlier(good);
}

/** A good entry after these were written over it, the newest first: each may have moved its last good form. */
function overwritten(good: ReadEntry, refused: readonly ReadEntry[], grammar: Grammar): ReadEntry {
  const now = clock.origin + clock.now();
  return refused.reduceRight((before, entry) => keeping(entry, before, { grammar, now }), good);
}
