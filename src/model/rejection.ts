import type { Entry } from './entry.ts';
import type { Rejection } from './service.ts';
import { shorten } from './shorten.ts';

const LONGEST_KEY = 1024;

/** A key that never reaches a template, made fit for people's terminals and logs: it may hold anything. */
export function rejection(entry: Entry, reason: string, other?: Entry): Rejection {
  const key = shorten(entry.key, LONGEST_KEY);
  const rest = other === undefined ? {} : { other: shorten(other.key, LONGEST_KEY) };
  return { key, value: shorten(entry.value), reason, ...rest };
}
