import type { Entry } from './entry.ts';

/** Reading access to the watched keys, as confd's store functions need it. */
export interface TreeView {
  readonly size: number;
  get(key: string): Entry | undefined;
  /** All keys at or below `prefix` by segment (`/key` covers `/key` and `/key/x`, not `/keys`), sorted. */
  under(prefix: string): Iterable<Entry>;
}
