import { compare, type Entry } from './entry.ts';
import type { Rejection } from './service.ts';
import { shorten } from './shorten.ts';

const LONGEST_KEY = 1024;

/** A key that never reaches a template, made fit for people's terminals and logs: it may hold anything. */
export function rejection(entry: Entry, reason: string, other?: Entry): Rejection {
  const key = shorten(entry.key, LONGEST_KEY);
  const rest = other === undefined ? {} : { other: shorten(other.key, LONGEST_KEY) };
  return { key, value: shorten(entry.value), reason, ...rest };
}

/** The order in which they are listed: by key, then by reason. */
export function byKeyAndReason(a: Rejection, b: Rejection): number {
  return compare(a.key, b.key) || compare(a.reason, b.reason);
}

/** Whether the same is said of the same keys, in the same order. */
export function sameRejections(a: readonly Rejection[], b: readonly Rejection[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, at) => {
      const other = b[at];
      return (
        one.key === other?.key &&
        one.reason === other.reason &&
        one.other === other.other &&
        one.value === other.value
      );
    })
  );
}
