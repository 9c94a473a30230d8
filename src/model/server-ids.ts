import { compare } from './entry.ts';
import type { Instance } from './service.ts';

/**
 * HAProxy 2.6 places a server on the ring of consistent hashing by `id * 4096` in 32 bits
 * (src/lb_chash.c, SRV_EWGHT_RANGE), so only the low 20 bits of an id count: two ids that agree in them would
 * share one place.
 */
const PLACES = 2 ** 20;

/**
 * A number for each server of one backend, for the `id` of its line: from the instance's id alone, so that it
 * stays what it is whoever else comes or goes, on every host. Two that fall on the same number are told apart
 * by counting on, in the order of their ids. From 1 to 1,048,575.
 *
 * Gives a record without a prototype, by instance id.
 */
export function serverIds(instances: readonly Pick<Instance, 'id'>[]): Readonly<Record<string, number>> {
  const ids: Record<string, number> = Object.create(null);
  const next = new Map<number, number>();
  for (const { id } of [...instances].sort((a, b) => compare(a.id, b.id))) {
    const place = freeFrom(hash(id), next);
    next.set(place, (place % (PLACES - 1)) + 1);
    ids[id] = place;
  }
  return ids;
}

/**
 * The first free number from `start` on. Each taken one knows where to look on, and every look shortens the way: ids
 * that somebody made to fall on one number cost no more than others.
 */
function freeFrom(start: number, next: Map<number, number>): number {
  let place = start;
  for (let on = next.get(place); on !== undefined; on = next.get(place)) {
    place = on;
  }
  for (let seen = start; seen !== place; ) {
    const on = next.get(seen) ?? place;
    next.set(seen, place);
    seen = on;
  }
  return place;
}

/** FNV-1a over the code units, mixed well, to 1 … PLACES - 1. Instance ids are ASCII. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  }
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return (((sum ^ (sum >>> 16)) >>> 0) % (PLACES - 1)) + 1;
}
