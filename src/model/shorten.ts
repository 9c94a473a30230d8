import { visible } from './visible.ts';

/** A value for people: at most `limit` characters, in one line, with nothing unseen in it. */
export function shorten(value: string, limit = 80): string {
  return visible(value.length > limit ? `${value.slice(0, limit - 1)}…` : value);
}
