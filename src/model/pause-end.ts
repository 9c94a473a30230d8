import { parseDuration } from './duration.ts';

/** Longer pauses are taken for mistakes: a host that nobody looks after drifts away. */
export const LONGEST_PAUSE = 7 * 24 * 3_600_000;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/**
 * Reads until when a pause lasts: an end with its time zone (`2026-03-01T14:30:00Z`), or a duration (`30m`) that
 * counts from `since`. Gives milliseconds since 1970, or null for anything else and what lasts over 7 days.
 */
export function parsePause(value: string, since: number): number | null {
  const text = value.trim();
  const duration = parseDuration(text);
  const until = duration === null ? (TIME.test(text) ? Date.parse(text) : Number.NaN) : since + duration;
  return Number.isNaN(until) || until - since > LONGEST_PAUSE ? null : until;
}
